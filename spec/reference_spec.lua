-- The sentences of the TCP chapter of the Racket reference about listeners,
-- one spec for each, in its order and in other words.  The specs about
-- connections are in reference_connect_spec.lua.

local helper = require "helper"
local quayside = require "quayside"
local shim = require "resolver_shim"

local tcp = quayside.tcp
local listener_of = helper.listener
local network_error = helper.network_error

local function port_of(listener)
  local _, port = tcp.addresses(listener, true)
  return port
end

local function is_refused(host, port)
  local input, output = quayside.try(tcp.connect, host, port)
  if input then helper.close(input, output) end
  return not input and output.code == "ECONNREFUSED"
end

-- How many of `n` clients get a connection that nobody has accepted yet.
local function connected_of(n, port)
  local owner, count = quayside.custodian.new(), 0
  owner:with(function()
    for _ = 1, n do
      quayside.spawn(function()
        tcp.connect("127.0.0.1", port)
        count = count + 1
      end)
    end
  end)
  helper.let_run()
  owner:shutdown_all()
  return count
end

-- Leaves a connection of the listener's port in TIME_WAIT on its side.
local function leave_in_time_wait(listener)
  local a, b = tcp.connect("127.0.0.1", port_of(listener))
  local c, d = tcp.accept(listener)
  helper.close(c, d)
  assert.is_nil(a:read())
  helper.close(a, b)
end

local function can_listen_again(first_reuse, second_reuse)
  local listener = tcp.listen(0, 4, first_reuse, "127.0.0.1")
  local port = port_of(listener)
  leave_in_time_wait(listener)
  tcp.close(listener)
  local again, err = quayside.try(tcp.listen, port, 4, second_reuse,
                                  "127.0.0.1")
  if again then tcp.close(again) else assert.equal("EADDRINUSE", err.code) end
  return again ~= nil
end

describe("tcp-listen, by the Racket reference:", function()
  helper.check_leaks()

  it("makes a server on the local machine at the given port", function()
    local port = port_of(tcp.listen(0, 4, false, "127.0.0.1"))
    collectgarbage()
    collectgarbage()
    local listener = tcp.listen(port, 4, false, "127.0.0.1")
    assert.equal(port, port_of(listener))
    helper.close(tcp.connect("127.0.0.1", port))
    tcp.close(listener)
  end)

  it("binds a free port for port 0, which tcp-addresses tells", function()
    local listener = tcp.listen(0)
    local port = port_of(listener)
    assert.is_true(tcp.is_port_number(port))
    helper.close(tcp.connect("127.0.0.1", port))
    tcp.close(listener)
  end)

  it("lets so many clients wait as max-allow-wait says", function()
    for _, limit in ipairs {0, 1, 4, 10} do
      local listener, port = listener_of(limit)
      local count = connected_of(limit + 4, port)
      assert.is_true(count == limit or count == limit + 1,
                     ("%d for a limit of %d"):format(count, limit))
      tcp.close(listener)
    end
  end)

  it("lets 4 clients wait unless told otherwise", function()
    local listener = tcp.listen(0, nil, false, "127.0.0.1")
    local count = connected_of(9, port_of(listener))
    assert.is_true(count == 4 or count == 5)
    tcp.close(listener)
  end)

  it("makes no new connection while the limit of clients waits, and makes "
     .. "one when a client has been accepted", function()
    local listener, port = listener_of(0)
    local first, second = tcp.connect("127.0.0.1", port)
    if connected_of(1, port) == 1 then -- a queue of one more than asked for
      helper.close(tcp.accept(listener))
    end
    local late = quayside.spawn(tcp.connect, "127.0.0.1", port)
    helper.let_run()
    assert.is_false(late:is_dead())
    helper.close(first, second, tcp.accept(listener))
    helper.close(tcp.accept(listener))
    helper.close(helper.join(late))
    tcp.close(listener)
  end)

  it("listens despite a TIME_WAIT state if reuse is true", function()
    assert.is_true(can_listen_again(true, true))
  end)

  it("does not, if reuse is false", function()
    assert.is_false(can_listen_again(false, false))
    assert.is_false(can_listen_again(true, false))
  end)

  it("reuses only if the listener before was made with reuse", function()
    assert.is_false(can_listen_again(false, true))
  end)

  it("accepts at every address of the machine if there is no hostname",
     function()
    local listener = tcp.listen(0)
    local hosts = {"127.0.0.1", "127.0.0.2"}
    if helper.has_ipv6() then hosts[3] = "::1" end
    for _, host in ipairs(hosts) do
      local a, b = tcp.connect(host, port_of(listener))
      local c, d = tcp.accept(listener)
      assert.equal(host, (tcp.addresses(c)))
      helper.close(a, b, c, d)
    end
    tcp.close(listener)
  end)

  it("accepts only at the interface of the hostname, if there is one",
     function()
    local listener = tcp.listen(0, 4, false, "127.0.0.2")
    local port = port_of(listener)
    assert.is_true(is_refused("127.0.0.1", port))
    helper.close(tcp.connect("127.0.0.2", port))
    tcp.close(listener)
  end)

  it("accepts only from the loopback for the hostname 127.0.0.1", function()
    local listener = tcp.listen(0, 4, false, "127.0.0.1")
    local port = port_of(listener)
    assert.is_true(is_refused("127.0.0.2", port))
    if helper.has_ipv6() then assert.is_true(is_refused("::1", port)) end
    helper.close(tcp.connect("127.0.0.1", port))
    tcp.close(listener)
  end)

  it("ignores IPv6 addresses where IPv6 is not supported", function()
    local options, reason = shim.options "SHIM_NO_IPV6=1"
    if not options then pending(reason) end
    finally(shim.remove)
    local written, status = helper.run_script([[
      local tcp = require "quayside".tcp
      for _, host in ipairs {"::1+127.0.0.1.shim", false} do
        local listener = tcp.listen(0, 4, false, host or nil)
        local _, port = tcp.addresses(listener, true)
        tcp.connect("127.0.0.1", port)
        print(tcp.addresses((tcp.accept(listener))))
      end]], options)
    assert.equal("127.0.0.1\t127.0.0.1\n127.0.0.1\t127.0.0.1\n", written)
    assert.equal(0, status)
  end)

  it("accepts only IPv6 connections at an IPv6 address if the hostname has "
     .. "addresses of both families", function()
    if not helper.has_ipv6() then pending "the kernel has no IPv6" end
    local options, reason = shim.options()
    if not options then pending(reason) end
    finally(shim.remove)
    local written, status = helper.run_script([[
      local tcp = require "quayside".tcp
      local listener = tcp.listen(0, 4, false, "::+127.0.0.1.shim")
      local _, port = tcp.addresses(listener, true)
      for _, host in ipairs {"::1", "127.0.0.1"} do
        tcp.connect(host, port)
        print(tcp.addresses((tcp.accept(listener))))
      end
      print(select(2, pcall(tcp.connect, "127.0.0.2", port)).code)]], options)
    assert.equal("::1\t::1\n127.0.0.1\t127.0.0.1\nECONNREFUSED\n", written)
    assert.equal(0, status)
  end)

  it("returns a listener, for accept, accept_ready and close", function()
    local listener, port = listener_of()
    assert.is_true(tcp.is_listener(listener))
    assert.is_false(tcp.accept_ready(listener))
    local a, b = tcp.connect("127.0.0.1", port)
    assert.is_true(tcp.accept_ready(listener))
    helper.close(a, b, tcp.accept(listener))
    tcp.close(listener)
  end)

  it("places the listener under the current custodian", function()
    local owner, listener, port = helper.under_custodian(listener_of)
    assert.equal(listener, owner:managed()[1])
    owner:shutdown_all()
    assert.equal("closed", network_error(tcp.accept, listener).code)
    assert.is_true(is_refused("127.0.0.1", port))
  end)

  it("raises a network error if the server cannot be started", function()
    local listener, port = listener_of()
    local err = network_error(tcp.listen, port, 4, false, "127.0.0.1")
    assert.equal("EADDRINUSE", err.code)
    tcp.close(listener)
  end)

  it("makes an event that is ready when accept would not block, and is its "
     .. "own result", function()
    local listener, port = listener_of()
    assert.is_nil(quayside.sync_timeout(0, listener))
    local waiting = quayside.spawn(quayside.sync, listener)
    helper.let_run()
    assert.is_false(waiting:is_dead())
    local a, b = tcp.connect("127.0.0.1", port)
    assert.equal(listener, helper.join(waiting))
    assert.equal(listener, quayside.sync_timeout(0, listener))
    helper.close(a, b, tcp.accept(listener))
    tcp.close(listener)
  end)
end)

describe("tcp-close, by the Racket reference:", function()
  helper.check_leaks()

  it("shuts the server down", function()
    local listener, port = listener_of()
    tcp.close(listener)
    assert.is_true(is_refused("127.0.0.1", port))
  end)

  it("sends an end of file to every client not accepted yet", function()
    local listener, port = listener_of()
    local silent_in, silent_out = tcp.connect("127.0.0.1", port)
    local loud_in, loud_out = tcp.connect("127.0.0.1", port)
    loud_out:write("hello, is there anybody?\n")
    loud_out:flush()
    tcp.close(listener)
    assert.is_nil(silent_in:read())
    assert.is_nil(loud_in:read())
    helper.close(silent_in, silent_out, loud_in, loud_out)
  end)

  it("leaves accepted connections as they are", function()
    local a, b, c, d = helper.pair() -- closes its listener
    b:write("one\n")
    b:flush()
    assert.equal("one", c:read())
    d:write("two\n")
    d:flush()
    assert.equal("two", a:read())
    helper.close(a, b, c, d)
  end)

  it("raises a network error if the listener has been closed", function()
    local listener = listener_of()
    tcp.close(listener)
    local err = network_error(tcp.close, listener)
    assert.equal("closed", err.code)
    assert.equal("tcp.close", err.op)
  end)

  it("may leave the port occupied for a while", function()
    local listener, port = listener_of()
    leave_in_time_wait(listener)
    tcp.close(listener)
    assert.equal("EADDRINUSE", network_error(tcp.listen, port, 4, false,
                                             "127.0.0.1").code)
  end)
end)

describe("tcp-listener?, by the Racket reference:", function()
  helper.check_leaks()

  it("is true of a listener and false of all else", function()
    local listener = listener_of()
    assert.is_true(tcp.is_listener(listener))
    tcp.close(listener)
    assert.is_true(tcp.is_listener(listener))
    local a, b, c, d = helper.pair()
    for _, each in ipairs {a, b, 1, "x", {}, print, false, io.stdout} do
      assert.is_false(tcp.is_listener(each))
    end
    assert.is_false(tcp.is_listener())
    helper.close(a, b, c, d)
  end)
end)
