-- UDP sockets: what they are, what they refuse, what they leave behind.
local helper = require "helper"
local quayside = require "quayside"
local common = require "udp_common"

local tcp, udp, thread = quayside.tcp, quayside.udp, quayside.thread
local bound, fails, assert_usable =
  common.bound, common.fails, common.assert_usable

describe("a UDP socket", function()
  helper.check_leaks()

  it("is of IPv4 unless told otherwise", function()
    for _, u in ipairs {udp.open(), udp.open(nil, 53), udp.open(nil, nil)} do
      assert.equal("0.0.0.0", (u:addresses()))
      u:close()
    end
  end)

  it("is told apart from everything else", function()
    local u = udp.open()
    local listener = helper.listener()
    assert.is_true(udp.is_udp(u))
    for _, v in ipairs {1, "x", {}, print, listener} do
      assert.is_false(udp.is_udp(v))
    end
    assert.is_false(udp.is_udp())
    assert.is_false(tcp.is_listener(u))
    assert.is_false(tcp.is_port(u))
    helper.argument_error(udp.addresses, listener)
    helper.argument_error(udp.close, listener)
    u:close()
    assert.is_true(udp.is_udp(u))
    tcp.close(listener)
  end)

  it("shows what it is bound to", function()
    local u, port = bound()
    assert.equal("udp socket (127.0.0.1 port " .. port .. ")", tostring(u))
    u:close()
    assert.equal("udp socket (closed)", tostring(u))
    local _ <close> = udp.open()
    assert.equal("udp socket (not bound)", tostring(_))
  end)

  it("gives its addresses to tcp.addresses, too", function()
    local u, port = bound()
    assert.same({"127.0.0.1", port, "0.0.0.0", 0}, {tcp.addresses(u, true)})
    assert.same({"127.0.0.1", "0.0.0.0"}, {tcp.addresses(u)})
    u:close()
    fails({code = "closed", op = "tcp.addresses"}, tcp.addresses, u)
  end)

  it("truncates to max and forgets the rest", function()
    local u, port = bound()
    local peer, peer_port = bound()
    for _ = 1, 4 do peer:send_to("127.0.0.1", port, "0123456789") end
    assert.same({"0123", "127.0.0.1", peer_port}, {u:receive(4)})
    assert.same({"", "127.0.0.1", peer_port}, {u:receive(0)})
    assert.same({"012", "127.0.0.1", peer_port}, {u:try_receive(3)})
    assert.equal("0123456789", (u:receive(1 << 60)))
    assert.is_nil(u:try_receive(4))
    helper.close(u, peer)
  end)

  it("sends the part of a string it is told to", function()
    local u, port = bound()
    local peer = udp.open()
    local data = "0123456789"
    local function check(expected, ...)
      peer:send_to("127.0.0.1", port, data, ...)
      peer:try_send_to("127.0.0.1", port, data, ...)
      peer:connect("127.0.0.1", port)
      peer:send(data, ...)
      peer:try_send(data, ...)
      peer:connect()
      for _ = 1, 4 do assert.equal(expected, (u:receive())) end
    end
    check("0123456789")
    check("456789", 5)
    check("456", 5, 7)
    check("0123456789", 1, 10)
    check("", 11)
    check("", 11, 10)
    check("", 1, 0)
    helper.close(u, peer)
  end)

  it("refuses a range outside the string, and stays usable", function()
    local u, port = bound()
    local ranges = {{0}, {12}, {1, 11}, {5, 3}, {-1}, {1, -1},
                    {math.mininteger}, {1, math.maxinteger}}
    local data = "0123456789"
    for _, range in ipairs(ranges) do
      local i, j = range[1], range[2]
      for _, name in ipairs {"send_to", "try_send_to", "send_to_enable_break",
                             "send_to_evt"} do
        helper.argument_error(u[name], u, "127.0.0.1", port, data, i, j)
      end
      for _, name in ipairs {"send", "try_send", "send_enable_break",
                             "send_evt"} do
        helper.argument_error(u[name], u, data, i, j)
      end
    end
    assert_usable(u, port)
    u:close()
  end)

  it("refuses wrong arguments before anything happens", function()
    local u, port = bound()
    local free = udp.open()
    local wrong = {
      {udp.open, 1}, {udp.open, {}}, {udp.open, nil, 0}, {udp.open, nil, "1"},
      {udp.open, nil, 65536}, {udp.open, "127.0.0.1\0x"},
      {free.bind, free}, {free.bind, free, nil, -1}, {free.bind, free, 1, 0},
      {free.bind, free, nil, 65536}, {free.bind, free, nil, "0"},
      {free.bind, free, "127.0.0.1\0x", 0}, {free.bind, nil, nil, 0},
      {u.connect, u, "127.0.0.1"}, {u.connect, u, nil, port},
      {u.connect, u, "127.0.0.1", 0}, {u.connect, u, "127.0.0.1", 65536},
      {u.send_to, u, "127.0.0.1", 0, "x"}, {u.send_to, u, "127.0.0.1", port},
      {u.send_to, u, nil, port, "x"}, {u.send_to, u, "127.0.0.1", "9", "x"},
      {u.send_to, u, "127.0.0.1", port, {}}, {u.send_to, {}, "h", 1, "x"},
      {u.send, u}, {u.send, u, {}}, {u.send_evt, u},
      {u.receive, u, -1}, {u.receive, u, "x"}, {u.try_receive, u, -1},
      {u.receive_evt, u, -1}, {u.receive_evt, {}}, {u.receive_ready_evt, 1},
      {u.send_ready_evt, {}}, {udp.is_bound, 1}, {udp.is_connected, nil},
    }
    for i, call in ipairs(wrong) do
      local ok, err = pcall(call[1], table.unpack(call, 2, 5))
      assert(not ok and type(err) == "string" and err:find "bad argument",
             "call " .. i)
    end
    assert.is_false(free:is_bound())
    assert_usable(u, port)
    helper.close(u, free)
  end)

  it("takes a port number that is a float with an integral value", function()
    local u = udp.open()
    u:bind("127.0.0.1", 0.0)
    assert.is_true(u:is_bound())
    u:close()
  end)

  it("is told what it must be before it can be used so", function()
    local u, port = bound()
    local free = udp.open()
    fails({code = "not_bound", op = "udp.receive"}, free.receive, free)
    fails({code = "not_bound", op = "udp.try_receive"}, free.try_receive, free)
    fails({code = "not_bound", op = "udp.receive"}, quayside.sync,
          free:receive_evt())
    fails({code = "not_connected", op = "udp.send"}, free.send, free, "x")
    fails({code = "not_connected", op = "udp.try_send"}, free.try_send, free,
          "x")
    fails({code = "not_connected"}, quayside.sync, free:send_evt "x")
    local err = fails({code = "already_bound", op = "udp.bind",
                       hostname = "127.0.0.1", port = port},
                      u.bind, u, "127.0.0.1", port)
    assert.is_nil(err.errno)
    assert.is_false(free:is_bound())
    free:connect("127.0.0.1", port)
    fails({code = "connected", op = "udp.send_to"}, free.send_to, free,
          "127.0.0.1", port, "x")
    fails({code = "connected", op = "udp.try_send_to"}, free.try_send_to, free,
          "localhost", port, "x")
    fails({code = "connected"}, quayside.sync,
          free:send_to_evt("127.0.0.1", port, "x"))
    assert_usable(u, port)
    helper.close(u, free)
  end)

  it("shares a port only if both say so", function()
    local u, port = bound()
    local other = udp.open()
    fails({code = "EADDRINUSE", op = "udp.bind", hostname = "127.0.0.1",
           port = port}, other.bind, other, "127.0.0.1", port)
    fails({code = "EADDRINUSE"}, other.bind, other, "127.0.0.1", port, true)
    assert.is_false(other:is_bound())
    other:bind("127.0.0.1", 0, true)
    local _, shared = other:addresses(true)
    local third = udp.open()
    fails({code = "EADDRINUSE"}, third.bind, third, "127.0.0.1", shared)
    third:bind("127.0.0.1", shared, true)
    helper.close(u, other, third)
  end)

  it("cannot be bound to an address of another machine", function()
    local u = udp.open()
    fails({code = "EADDRNOTAVAIL", hostname = "192.0.2.77"}, u.bind, u,
          "192.0.2.77", 0)
    u:bind("127.0.0.1", 0)
    u:close()
  end)

  it("may send to the broadcast address", function()
    local u = udp.open()
    local ok, err = pcall(u.send_to, u, "255.255.255.255", 9, "x")
    assert(ok or err.code ~= "EACCES")
    u:close()
  end)

  it("looks host names up", function()
    local u = udp.open("localhost")
    u:bind("localhost", 0)
    local address, port = u:addresses(true)
    local peer = udp.open(address)
    peer:send_to("localhost", port, "by name")
    assert.is_true(peer:try_send_to("localhost", port, "tried by name"))
    peer:connect("localhost", port)
    peer:send("connected by name")
    assert.equal("by name", (u:receive()))
    assert.equal("tried by name", (u:receive()))
    assert.equal("connected by name", (u:receive()))
    helper.close(u, peer)
  end)

  it("tells of a name that is not known, and everything goes on", function()
    local name = "no-such-host.invalid"
    local u, port = bound()
    local free = udp.open()
    local function unknown(op, f, ...)
      local err = fails({op = op, hostname = name}, f, ...)
      assert.matches("^EAI_", err.code)
      assert.is_nil(err.errno)
    end
    unknown("udp.open", udp.open, name, 53)
    unknown("udp.bind", free.bind, free, name, 0)
    unknown("udp.connect", u.connect, u, name, 53)
    unknown("udp.send_to", u.send_to, u, name, 53, "x")
    unknown("udp.try_send_to", u.try_send_to, u, name, 53, "x")
    unknown("udp.send_to_evt", u.send_to_evt, u, name, 53, "x")
    assert.is_nil(quayside.sync_timeout(0, quayside.evt.never))
    assert_usable(u, port)
    helper.close(u, free)
  end)

  it("can be refused by nothing once closed, and says so", function()
    local u, port = bound()
    u:close()
    local calls = {
      bind = {nil, 0}, connect = {"127.0.0.1", port}, close = {},
      send_to = {"127.0.0.1", port, "x"}, send = {"x"},
      try_send_to = {"127.0.0.1", port, "x"}, try_send = {"x"},
      send_to_enable_break = {"127.0.0.1", port, "x"},
      send_enable_break = {"x"},
      receive = {}, try_receive = {}, receive_enable_break = {},
      addresses = {}, set_receive_buffer_size = {10000}, ttl = {},
      set_ttl = {3}, multicast_join_group = {"239.1.2.3"},
      multicast_leave_group = {"239.1.2.3"}, multicast_interface = {},
      multicast_set_interface = {}, is_multicast_loopback = {},
      multicast_set_loopback = {true}, multicast_ttl = {},
      multicast_set_ttl = {1},
    }
    for name, arguments in pairs(calls) do
      local err = fails({code = "closed"}, udp[name], u,
                        table.unpack(arguments, 1, 3))
      assert.equal("udp." .. name:gsub("_enable_break", ""), err.op)
    end
    fails({code = "closed"}, u.connect, u, nil, nil)
    fails({code = "closed"}, u.send_to, u, "localhost", port, "x")
    assert.is_false(u:is_bound())
    assert.is_false(u:is_connected())
  end)

  it("is closed by <close>, and by the collector", function()
    local before = helper.descriptors()
    local kept
    do
      local u <close> = udp.open()
      kept = u
    end
    fails({code = "closed"}, kept.receive, kept)
    do
      local u <close> = udp.open()
      u:close()
    end
    for _ = 1, 10 do udp.open() end
    helper.settle()
    assert.equal(before, helper.descriptors())
  end)

  it("hands its memory back when the program ends with it open", function()
    local written, status = helper.run_script [[
      local udp = require "quayside.udp"
      U = udp.open()
      U:bind("127.0.0.1", 0)
      require("quayside.thread").spawn(U.receive, U)
      require("quayside.thread").yield()
    ]]
    assert.equal("", written)
    assert.equal(0, status)
  end)

  it("frees descriptors nobody holds before it says there are none",
  function()
    local written = helper.run_script([[
      local udp = require "quayside.udp"
      collectgarbage("stop")
      for _ = 1, 100 do udp.open() end
      local kept = {}
      for i = 1, 100 do
        local ok, err = pcall(udp.open)
        if not ok then print(err.op, err.code, i < 40) break end
        kept[i] = err
      end
      print(#kept > 3)
    ]], {before = "ulimit -n 30"})
    assert.equal("udp.open\tEMFILE\ttrue\ntrue\n", written)
  end)

  it("yields its thread's turn now and then while it is always ready",
  function()
    local u, port = bound()
    local turns = 0
    local other = quayside.spawn(function()
      for _ = 1, 5 do
        turns = turns + 1
        thread.yield()
      end
    end)
    for _ = 1, 5000 do
      if turns == 5 then break end
      u:try_receive()
      u:try_send_to("127.0.0.1", port, "x")
      u:try_receive()
    end
    assert.equal(5, turns)
    other:wait()
    u:close()
  end)
end)

