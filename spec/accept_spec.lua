-- Accepting, beyond the sentences of the reference.

local helper = require "helper"
local quayside = require "quayside"

local tcp, evt, spawn = quayside.tcp, quayside.evt, quayside.spawn
local network_error = helper.network_error

-- The client's port number tells which connection it is.
local function client(port, host)
  local input, output = tcp.connect(host or "127.0.0.1", port)
  local _, number = tcp.addresses(input, true)
  return {input = input, output = output, number = number}
end

local function number_of(input)
  local _, _, _, number = tcp.addresses(input, true)
  return number
end

local function hang_up(one)
  helper.close(one.input, one.output)
end

describe("tcp.accept", function()
  helper.check_leaks()

  it("takes the clients in the order they came", function()
    local listener, port = helper.listener(16)
    local clients = {}
    for i = 1, 10 do clients[i] = client(port) end
    for i = 1, 10 do
      local c, d = tcp.accept(listener)
      assert.equal(clients[i].number, number_of(c))
      helper.close(c, d)
      hang_up(clients[i])
    end
    tcp.close(listener)
  end)

  it("serves the waiting threads in the order they came", function()
    local listener, port = helper.listener()
    local order = {}
    local function accept_twice(name)
      for _ = 1, 2 do
        helper.close(tcp.accept(listener))
        order[#order + 1] = name
      end
    end
    local threads = {}
    for i = 1, 3 do threads[i] = spawn(accept_twice, i) end
    for _ = 1, 6 do
      helper.let_run()
      hang_up(client(port))
    end
    for i = 1, 3 do helper.join(threads[i]) end
    assert.same({1, 2, 3, 1, 2, 3}, order)
    tcp.close(listener)
  end)

  it("takes turns among the listener's sockets", function()
    if not helper.has_ipv6() then pending "the kernel has no IPv6" end
    local listener = tcp.listen(0, 16)
    local _, port = tcp.addresses(listener, true)
    local clients = {}
    for i = 1, 3 do
      clients[i] = client(port, "127.0.0.1")
      clients[i + 3] = client(port, "::1")
    end
    local last
    for _ = 1, 6 do
      local c, d = tcp.accept(listener)
      local host = tcp.addresses(c)
      assert.are_not.equal(last, host)
      last = host
      helper.close(c, d)
    end
    for i = 1, 6 do hang_up(clients[i]) end
    tcp.close(listener)
  end)

  it("lets no busy address starve another", function()
    if not helper.has_ipv6() then pending "the kernel has no IPv6" end
    for _, hosts in ipairs {{"::1", "127.0.0.1"}, {"127.0.0.1", "::1"}} do
      local listener = tcp.listen(0, 16)
      local _, port = tcp.addresses(listener, true)
      local busy, patient = hosts[1], client(port, hosts[2])
      local clients = {client(port, busy), client(port, busy)}
      local found
      for i = 1, 3 do
        local c, d = tcp.accept(listener)
        found = found or number_of(c) == patient.number and i
        helper.close(c, d)
        clients[#clients + 1] = client(port, busy)
      end
      assert.is_true(found and found <= 2)
      hang_up(patient)
      for _, each in ipairs(clients) do hang_up(each) end
      tcp.close(listener)
    end
  end)

  it("loses no client when the waiting thread is killed", function()
    local listener, port = helper.listener()
    local waiting = spawn(tcp.accept, listener)
    helper.let_run()
    waiting:kill()
    local one = client(port)
    assert.is_true(tcp.accept_ready(listener))
    local c, d = tcp.accept(listener)
    assert.equal(one.number, number_of(c))
    helper.close(c, d)
    hang_up(one)
    tcp.close(listener)
  end)

  it("loses no client when the thread is killed that was to have it",
     function()
    local listener, port = helper.listener()
    local first
    local killer = spawn(function() -- is told of the client before the first
      quayside.sync(listener)
      first:kill()
    end)
    helper.let_run()
    first = spawn(tcp.accept, listener)
    helper.let_run()
    local second = spawn(tcp.accept, listener)
    helper.let_run()
    local one = client(port)
    helper.join(killer)
    local killed, err = first:wait()
    assert.is_false(killed)
    assert.equal("kill", err.kind)
    local c, d = helper.join(second)
    assert.equal(one.number, number_of(c))
    helper.close(c, d)
    hang_up(one)
    tcp.close(listener)
  end)

  it("accepts a client that has gone, with what it sent", function()
    local listener, port = helper.listener()
    local one = client(port)
    one.output:write("farewell")
    hang_up(one)
    helper.let_run()
    assert.is_true(tcp.accept_ready(listener))
    local c, d = tcp.accept(listener)
    assert.equal("farewell", c:read("a"))
    assert.is_nil(c:read(1))
    helper.close(c, d)
    tcp.close(listener)
  end)

  it("accepts nobody under a dead custodian; the client stays", function()
    local listener, port = helper.listener()
    local owner = quayside.custodian.new()
    owner:shutdown_all()
    local one = client(port)
    assert.equal("custodian",
                 network_error(owner.with, owner, tcp.accept, listener).code)
    assert.is_true(tcp.accept_ready(listener))
    helper.close(tcp.accept(listener))
    hang_up(one)
    tcp.close(listener)
  end)

  it("wakes when the custodian dies that was to own the ports", function()
    local listener = helper.listener()
    local owner = quayside.custodian.new()
    local waiting = spawn(function()
      return quayside.try(owner.with, owner, tcp.accept, listener)
    end)
    helper.let_run()
    owner:shutdown_all()
    local input, err = helper.join(waiting)
    assert.is_nil(input)
    assert.equal("custodian", err.code)
    tcp.close(listener)
  end)

  it("leaves the client where it is when there is no free descriptor, and "
     .. "accepts it when there is one", function()
    assert.equal("EMFILE\ttcp.accept\ttrue\nEMFILE\nconnected\n",
                 (helper.run_script([[
      local quayside = require "quayside"
      local tcp = quayside.tcp
      local listener = tcp.listen(0, 4, false, "127.0.0.1")
      local _, port = tcp.addresses(listener, true)
      local input, output = tcp.connect("127.0.0.1", port)
      local held = {}
      repeat
        local file = io.open("/dev/null")
        held[#held + 1] = file
      until not file
      local _, err = quayside.try(tcp.accept, listener)
      print(err.code, err.op, tcp.accept_ready(listener))
      _, err = quayside.try(quayside.sync, tcp.accept_evt(listener))
      print(err.code)
      held[#held]:close()
      local c, d = tcp.accept(listener)
      output:write("connected\n")
      output:flush()
      print(c:read())]], {before = "ulimit -n 24"})))
  end)

  it("collects garbage before it gives up for want of a descriptor",
     function()
    assert.equal("accepted\nconnected\n", (helper.run_script([[
      local tcp = require "quayside".tcp
      local listener = tcp.listen(0, 4, false, "127.0.0.1")
      local _, port = tcp.addresses(listener, true)
      local input, output = tcp.connect("127.0.0.1", port)
      collectgarbage("stop")
      repeat until not io.open("/dev/null")
      local c, d = tcp.accept(listener)
      print("accepted")
      repeat until not io.open("/dev/null")
      local e, f = tcp.connect("127.0.0.1", port)
      print("connected")]], {before = "ulimit -n 24"})))
  end)

  it("gives the sockets to no program that is started", function()
    local listener, port = helper.listener()
    local one = client(port)
    local c, d = tcp.accept(listener)
    local close_on_exec = tonumber("2000000", 8)
    for fd = 0, 255 do
      local link = io.open("/proc/self/fdinfo/" .. fd)
      if link then
        local flags = tonumber(link:read("a"):match("flags:%s*(%d+)"), 8)
        link:close()
        local name = io.popen("readlink /proc/" .. helper.pid() .. "/fd/" .. fd)
        local is_socket = (name:read("l") or ""):find("^socket:")
        name:close()
        if is_socket then assert.are_not.equal(0, flags & close_on_exec) end
      end
    end
    helper.close(c, d)
    hang_up(one)
    tcp.close(listener)
  end)
end)

describe("tcp.accept_evt", function()
  helper.check_leaks()

  it("can be synced again and again: each sync takes one client", function()
    local listener, port = helper.listener(16)
    local event = tcp.accept_evt(listener)
    for _ = 1, 3 do
      local one, other = client(port), client(port)
      for _, expected in ipairs {one, other} do
        local c, d = quayside.sync(event)
        assert.equal(expected.number, number_of(c))
        helper.close(c, d)
      end
      assert.is_nil(quayside.sync_timeout(0, event))
      hang_up(one)
      hang_up(other)
    end
    tcp.close(listener)
  end)

  it("takes one client for two events of one listener in a sync", function()
    local listener, port = helper.listener()
    local one = client(port)
    local c, d = quayside.sync(tcp.accept_evt(listener),
                               tcp.accept_evt(listener))
    assert.is_false(tcp.accept_ready(listener))
    helper.close(c, d)
    hang_up(one)
    tcp.close(listener)
  end)

  it("leaves the client of the listener that was not chosen", function()
    local first, first_port = helper.listener()
    local second, second_port = helper.listener()
    local waiting = spawn(quayside.sync, tcp.accept_evt(first),
                          tcp.accept_evt(second))
    helper.let_run()
    local one, other = client(first_port), client(second_port)
    helper.close(helper.join(waiting))
    assert.is_true(tcp.accept_ready(first) ~= tcp.accept_ready(second))
    hang_up(one)
    hang_up(other)
    tcp.close(first)
    tcp.close(second)
  end)

  it("accepts nothing after a time-out, a break or a kill", function()
    local listener, port = helper.listener()
    local event = tcp.accept_evt(listener)
    assert.is_nil(quayside.sync_timeout(0.001, event))
    local broken = spawn(quayside.try, quayside.sync, event)
    local killed = spawn(quayside.sync, event)
    helper.let_run()
    broken:send_break()
    killed:kill()
    helper.let_run()
    helper.take_errors()
    local one = client(port)
    helper.let_run()
    assert.is_true(tcp.accept_ready(listener))
    hang_up(one)
    tcp.close(listener)
  end)

  it("chooses at random between a client and another ready event", function()
    local listener, port = helper.listener()
    local accepted, rounds = 0, helper.rounds(200, 60)
    helper.with_seed(function()
      for _ = 1, rounds do
        local one = client(port)
        local c, d = quayside.sync(evt.always, tcp.accept_evt(listener))
        if d then accepted = accepted + 1 else c, d = tcp.accept(listener) end
        helper.close(c, d)
        hang_up(one)
      end
    end)
    assert.is_true(accepted > rounds / 5 and accepted < rounds * 4 / 5)
    tcp.close(listener)
  end)

  it("cannot be made under a dead custodian", function()
    local listener = helper.listener()
    local owner = quayside.custodian.new()
    owner:shutdown_all()
    assert.equal("custodian",
                 network_error(owner.with, owner, tcp.accept_evt,
                               listener).code)
    tcp.close(listener)
  end)

  it("raises at sync when its custodian has died; the client stays",
     function()
    local listener, port = helper.listener()
    local owner, event = helper.under_custodian(tcp.accept_evt, listener)
    local waiting = spawn(quayside.try, quayside.sync, event)
    helper.let_run()
    owner:shutdown_all()
    local _, err = helper.join(waiting)
    assert.equal("custodian", err.code)
    local one = client(port)
    assert.equal("custodian", network_error(quayside.sync, event).code)
    assert.is_true(tcp.accept_ready(listener))
    hang_up(one)
    tcp.close(listener)
  end)
end)
