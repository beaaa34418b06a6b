-- Listening and closing listeners, beyond the sentences of the reference.

local helper = require "helper"
local quayside = require "quayside"
local shim = require "resolver_shim"

local tcp = quayside.tcp
local argument_error, network_error = helper.argument_error,
                                      helper.network_error

local function port_of(listener)
  local _, port = tcp.addresses(listener, true)
  return port
end

local function run_with_shim(source, more)
  local options, reason = shim.options(more)
  if not options then pending(reason) end
  local written = helper.run_script(source, options)
  shim.remove()
  return written
end

describe("tcp.listen", function()
  helper.check_leaks()

  it("refuses wrong port numbers before anything is opened", function()
    local before = helper.descriptors()
    for _, port in ipairs {-1, 65536, 80.5, "80", {}, true, 2^53, 0/0} do
      argument_error(tcp.listen, port)
    end
    argument_error(tcp.listen)
    argument_error(tcp.listen, nil)
    assert.equal(before, helper.descriptors())
  end)

  it("takes a float that is a whole number for a port number", function()
    local port = helper.free_port()
    local listener = tcp.listen(port + 0.0, 4, false, "127.0.0.1")
    assert.equal(port, port_of(listener))
    tcp.close(listener)
  end)

  it("refuses wrong values for max_allow_wait", function()
    for _, wrong in ipairs {-1, 1.5, {}, "many"} do
      argument_error(tcp.listen, 0, wrong)
    end
  end)

  it("takes any number of waiting clients, however large", function()
    for _, many in ipairs {2^31, 2^53, math.maxinteger, 1e15} do
      tcp.close(tcp.listen(0, many, false, "127.0.0.1"))
    end
  end)

  it("takes anything but nil and false for true as reuse", function()
    for _, yes in ipairs {true, 0, "yes", {}} do
      local listener = tcp.listen(0, 4, yes, "127.0.0.1")
      local port = port_of(listener)
      local a, b = tcp.connect("127.0.0.1", port)
      helper.close(tcp.accept(listener))
      helper.close(a, b)
      tcp.close(listener)
      tcp.close(tcp.listen(port, 4, true, "127.0.0.1"))
    end
  end)

  it("takes a table of the same names", function()
    local listener = tcp.listen {port = 0, max_allow_wait = 3, reuse = true,
                                 hostname = "127.0.0.2"}
    assert.equal("127.0.0.2", (tcp.addresses(listener)))
    argument_error(tcp.listen, {port = "http"})
    argument_error(tcp.listen, {})
    tcp.close(listener)
  end)

  it("lets several listeners share a port only with reuseport", function()
    local first = tcp.listen {port = 0, hostname = "127.0.0.1",
                              reuseport = true}
    local port = port_of(first)
    local second = tcp.listen {port = port, hostname = "127.0.0.1",
                               reuseport = true}
    assert.equal(port, port_of(second))
    assert.equal("EADDRINUSE",
                 network_error(tcp.listen, port, 4, true, "127.0.0.1").code)
    tcp.close(first)
    tcp.close(second)
  end)

  it("never takes a port that is listened at, with reuse or without",
     function()
    for _, first in ipairs {true, false} do
      local listener = tcp.listen(0, 4, first)
      for _, second in ipairs {true, false} do
        for _, host in ipairs {"127.0.0.1", "0.0.0.0", false} do
          assert.equal("EADDRINUSE",
                       network_error(tcp.listen, port_of(listener), 4, second,
                                     host or nil).code)
        end
      end
      tcp.close(listener)
    end
  end)

  it("listens at one port number for IPv6 and IPv4", function()
    if not helper.has_ipv6() then pending "the kernel has no IPv6" end
    local listener = tcp.listen(0)
    for _, host in ipairs {"::1", "127.0.0.1"} do
      local a, b = tcp.connect(host, port_of(listener))
      local c, d = tcp.accept(listener)
      assert.same({host, host}, {tcp.addresses(c)})
      helper.close(a, b, c, d)
    end
    tcp.close(listener)
  end)

  it("finds another port for port 0 when the IPv4 twin is taken", function()
    if not helper.has_ipv6() then pending "the kernel has no IPv6" end
    assert.equal("127.0.0.1\n", run_with_shim([[
      local tcp = require "quayside".tcp
      local listener = tcp.listen(0)
      local _, port = tcp.addresses(listener, true)
      print((tcp.addresses((tcp.connect("127.0.0.1", port)))))]],
      "SHIM_TAKEN=3"))
    assert.equal("EADDRINUSE\n", run_with_shim(([[
      local tcp = require "quayside".tcp
      print(select(2, pcall(tcp.listen, %d)).code)]])
      :format(helper.free_port()), "SHIM_TAKEN=1"))
  end)

  it("listens at all addresses of a name with one port number, each address "
     .. "once", function()
    assert.equal("127.0.0.4\n127.0.0.5\nECONNREFUSED\n", run_with_shim [[
      local tcp = require "quayside".tcp
      local name = "127.0.0.4+127.0.0.5+127.0.0.4.shim"
      local listener = tcp.listen(0, 4, false, name)
      local _, port = tcp.addresses(listener, true)
      for _, host in ipairs {"127.0.0.4", "127.0.0.5"} do
        tcp.connect(host, port)
        print((tcp.addresses((tcp.accept(listener)))))
      end
      print(select(2, pcall(tcp.connect, "127.0.0.6", port)).code)]])
  end)

  it("listens at all addresses or, if one fails, at none", function()
    assert.equal("EADDRINUSE\t127.0.0.5\ntrue\nEADDRNOTAVAIL\ttrue\n",
                 run_with_shim [[
      local tcp = require "quayside".tcp
      local blocker = tcp.listen(0, 4, false, "127.0.0.5")
      local _, port = tcp.addresses(blocker, true)
      local name = "127.0.0.4+127.0.0.5.shim"
      local _, err = pcall(tcp.listen, port, 4, false, name)
      print(err.code, err.address)
      print((pcall(tcp.listen, port, 4, false, "127.0.0.4")))
      _, err = pcall(tcp.listen, 0, 4, false, "127.0.0.4+192.0.2.1.shim")
      print(err.code, require "quayside.core".counts().armed == 0)]])
  end)

  it("lets the other threads run while it looks a name up", function()
    assert.equal("other\nlistening\n", run_with_shim [[
      local quayside = require "quayside"
      local gate = os.tmpname()
      os.remove(gate)
      quayside.spawn(function()
        quayside.sleep(0)
        print "other"
        io.open(gate, "w"):close()
      end)
      quayside.tcp.listen(0, 4, false, "until=" .. gate .. "+127.0.0.1.shim")
      print "listening"
      os.remove(gate)]])
  end)

  it("raises an error for a name that has no address", function()
    local err = network_error(tcp.listen, 0, 4, false, "no-such.invalid")
    assert.truthy(err.code:find "^EAI_")
    assert.equal("no-such.invalid", err.hostname)
  end)

  it("does not take the empty name for all addresses", function()
    assert.truthy(network_error(tcp.listen, 0, 4, false, "").code
                  :find "^EAI_")
  end)

  it("refuses a hostname with a NUL, or of a wrong type", function()
    argument_error(tcp.listen, 0, 4, false, "127.0.0.1\0junk")
    argument_error(tcp.listen, 0, 4, false, {})
    argument_error(tcp.listen, 0, 4, false, true)
  end)

  it("raises an error for an address that is not this machine's", function()
    local err = network_error(tcp.listen, 0, 4, false, "192.0.2.1")
    assert.equal("EADDRNOTAVAIL", err.code)
    assert.equal("tcp.listen", err.op)
    assert.equal("192.0.2.1", err.hostname)
  end)

  it("raises EMFILE when there is no free descriptor, and leaves none open",
     function()
    assert.equal("EMFILE\ntrue\n", (helper.run_script([[
      local tcp = require "quayside".tcp
      local held = {}
      repeat
        local file = io.open("/dev/null")
        held[#held + 1] = file
      until not file
      held[#held]:close() -- enough for one of the two sockets
      print(select(2, pcall(tcp.listen, 0)).code)
      print(io.open("/dev/null") ~= nil)]], {before = "ulimit -n 24"})))
  end)

  it("refuses to open anything under a dead custodian", function()
    local owner = quayside.custodian.new()
    owner:shutdown_all()
    local err = network_error(owner.with, owner, tcp.listen, 0)
    assert.equal("custodian", err.code)
  end)

  it("makes a listener that outlives the thread that made it", function()
    local listener = helper.join(quayside.spawn(tcp.listen, 0))
    helper.close(tcp.connect("127.0.0.1", port_of(listener)))
    tcp.close(listener)
  end)

  it("makes a listener that says what it is", function()
    local listener, port = helper.listener()
    assert.equal(("tcp listener (127.0.0.1 port %d)"):format(port),
                 tostring(listener))
    tcp.close(listener)
    assert.equal("tcp listener (closed)", tostring(listener))
  end)

  it("makes listeners that the garbage collector closes", function()
    local port = port_of(tcp.listen(0, 4, false, "127.0.0.1"))
    collectgarbage()
    collectgarbage()
    assert.equal("ECONNREFUSED",
                 network_error(tcp.connect, "127.0.0.1", port).code)
  end)
end)

describe("tcp.close", function()
  helper.check_leaks()

  it("succeeds for exactly one of several threads", function()
    local listener = tcp.listen(0)
    local closed = 0
    for _ = 1, 3 do
      quayside.spawn(function()
        local _, err = quayside.try(tcp.close, listener)
        if not err then closed = closed + 1 end
      end)
    end
    helper.let_run()
    assert.equal(1, closed)
  end)

  it("is silent as a to-be-closed variable, even after a close", function()
    local port
    do
      local listener <close> = tcp.listen(0)
      port = port_of(listener)
    end
    assert.equal("ECONNREFUSED",
                 network_error(tcp.connect, "127.0.0.1", port).code)
    do
      local listener <close> = tcp.listen(0)
      tcp.close(listener)
    end
  end)

  it("wakes those who wait in accept, at once", function()
    local listener = helper.listener()
    local waiting = {}
    for i = 1, 3 do waiting[i] = quayside.spawn(tcp.accept, listener) end
    helper.let_run()
    tcp.close(listener)
    helper.let_run()
    assert.equal(3, #helper.take_errors())
    for i = 1, 3 do
      local ok, err = waiting[i]:wait()
      assert.is_false(ok)
      assert.equal("closed", err.code)
    end
  end)

  it("wakes those who wait in a sync: an accept event raises, the listener "
     .. "is ready", function()
    local listener = helper.listener()
    local accepting = quayside.spawn(quayside.sync, tcp.accept_evt(listener),
                                     quayside.evt.never)
    local looking = quayside.spawn(quayside.sync, listener)
    helper.let_run()
    tcp.close(listener)
    local ok, err = accepting:wait()
    assert.is_false(ok)
    assert.equal("closed", err.code)
    assert.equal(listener, helper.join(looking))
    assert.equal(listener, quayside.sync_timeout(0, listener))
  end)

  it("makes accept events of the listener raise at sync", function()
    local listener = helper.listener()
    local early = tcp.accept_evt(listener)
    tcp.close(listener)
    for _, event in ipairs {early, tcp.accept_evt(listener)} do
      assert.equal("closed",
                   network_error(quayside.sync_timeout, 0, event).code)
    end
  end)

  it("ends clients that are still waiting in order, however much they sent",
     function()
    local listener, port = helper.listener(8)
    local clients = {}
    for i = 1, 4 do
      local input, output = tcp.connect("127.0.0.1", port)
      output:write(("x"):rep(i * 5000))
      output:flush()
      clients[i] = {input, output}
    end
    tcp.close(listener)
    for i = 1, 4 do
      assert.is_nil(clients[i][1]:read(1))
      helper.close(table.unpack(clients[i]))
    end
  end)

  it("frees the port when nobody has ever connected", function()
    local listener, port = helper.listener()
    tcp.close(listener)
    tcp.close(tcp.listen(port, 4, false, "127.0.0.1"))
  end)

  it("refuses what is not a listener", function()
    for _, wrong in ipairs {1, "x", {}, io.stdout} do
      argument_error(tcp.close, wrong)
      argument_error(tcp.accept, wrong)
      argument_error(tcp.accept_ready, wrong)
      argument_error(tcp.accept_evt, wrong)
    end
    argument_error(tcp.close)
  end)
end)
