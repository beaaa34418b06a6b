-- The sentences of the TCP chapter of the Racket reference about accepting,
-- abandoning, addresses and the predicates, one spec for each, in its order
-- and in other words.

local helper = require "helper"
local quayside = require "quayside"

local tcp = quayside.tcp
local listener_of = helper.listener
local network_error = helper.network_error

local function say(output, text)
  output:write(text)
  output:flush()
end

describe("tcp-accept, by the Racket reference:", function()
  helper.check_leaks()

  it("accepts a client's connection", function()
    local listener, port = listener_of()
    local a, b = tcp.connect("127.0.0.1", port)
    local c, d = tcp.accept(listener)
    local _, client_port = tcp.addresses(a, true)
    local _, _, _, accepted_port = tcp.addresses(c, true)
    assert.equal(client_port, accepted_port)
    helper.close(a, b, c, d)
    tcp.close(listener)
  end)

  it("blocks its thread, and only that, while no client waits", function()
    local listener, port = listener_of()
    local accepting = quayside.spawn(tcp.accept, listener)
    helper.let_run()
    assert.is_false(accepting:is_dead())
    helper.close(tcp.connect("127.0.0.1", port))
    helper.close(helper.join(accepting))
    tcp.close(listener)
  end)

  it("returns a port to receive from and a port to send to the client",
     function()
    local a, b, c, d = helper.pair()
    assert.is_true(quayside.port.is_input(c))
    assert.is_true(quayside.port.is_output(d))
    say(b, "from the client\n")
    assert.equal("from the client", c:read())
    say(d, "to the client\n")
    assert.equal("to the client", a:read())
    helper.close(a, b, c, d)
  end)

  it("places both ports under the current custodian", function()
    local listener, port = listener_of()
    local a, b = tcp.connect("127.0.0.1", port)
    local owner, c, d = helper.under_custodian(tcp.accept, listener)
    assert.equal(2, #owner:managed())
    owner:shutdown_all()
    assert.is_true(c:is_closed())
    assert.is_true(d:is_closed())
    assert.is_nil(a:read())
    helper.close(a, b)
    tcp.close(listener)
  end)

  it("returns ports that are buffered and closed as those of tcp-connect are",
     function()
    local a, b, c, d = helper.pair()
    assert.equal("block", c:buffer_mode())
    assert.equal("block", d:buffer_mode())
    d:write("no flush yet\n")
    helper.let_run()
    assert.is_false(a:ready())
    d:close()
    assert.equal("no flush yet", a:read())
    assert.is_nil(a:read())
    say(b, "the other way\n")
    assert.equal("the other way", c:read())
    helper.close(a, b, c)
  end)

  it("raises a network error if the listener has been closed", function()
    local listener = listener_of()
    tcp.close(listener)
    local err = network_error(tcp.accept, listener)
    assert.equal("closed", err.code)
    assert.equal("tcp.accept", err.op)
  end)

  it("raises a network error if the connection cannot be accepted",
     function()
    local written = helper.run_script([[
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
      print(err.kind, err.code)]], {before = "ulimit -n 24"})
    assert.equal("network\tEMFILE\n", written)
  end)
end)

describe("tcp-accept/enable-break, by the Racket reference:", function()
  helper.check_leaks()

  it("accepts like tcp-accept", function()
    local listener, port = listener_of()
    local a, b = tcp.connect("127.0.0.1", port)
    helper.close(tcp.accept_enable_break(listener))
    helper.close(a, b)
    tcp.close(listener)
  end)

  it("lets a break in while it waits for a client", function()
    local listener = listener_of()
    local trying = quayside.spawn(quayside.thread.with_break, false,
                                  tcp.accept_enable_break, listener)
    helper.let_run()
    trying:send_break()
    local ok, err = trying:wait()
    assert.is_false(ok)
    assert.is_true(quayside.error.is_break(err))
    tcp.close(listener)
  end)

  it("gives either ports or a break: a client is never lost", function()
    local with_break = quayside.thread.with_break
    local listener, port = listener_of()
    for i = 1, helper.rounds(200, 20) do
      local trying = with_break(false, quayside.spawn, function()
        local ok, input, output = pcall(tcp.accept_enable_break, listener)
        local is_kept = not pcall(with_break, true, function() end)
        return ok, is_kept, input, output
      end)
      for _ = 1, i % 3 do quayside.sleep(0) end
      local a, b = tcp.connect("127.0.0.1", port)
      local is_late = trying:is_dead()
      trying:send_break()
      local ok, is_kept, input, output = helper.join(trying)
      assert.equal(ok and not is_late, is_kept)
      assert.equal(not ok, tcp.accept_ready(listener))
      if not ok then
        assert.is_true(quayside.error.is_break(input))
        input, output = tcp.accept(listener)
      end
      helper.close(a, b, input, output)
    end
    tcp.close(listener)
  end)
end)

describe("tcp-accept-ready?, by the Racket reference:", function()
  helper.check_leaks()

  it("tells whether a client waits to be accepted", function()
    local listener, port = listener_of()
    assert.is_false(tcp.accept_ready(listener))
    local a, b = tcp.connect("127.0.0.1", port)
    assert.is_true(tcp.accept_ready(listener))
    assert.is_true(tcp.accept_ready(listener))
    helper.close(a, b)
    tcp.close(listener)
  end)

  it("is false again when tcp-accept has removed the client", function()
    local listener, port = listener_of()
    local a, b = tcp.connect("127.0.0.1", port)
    local c, d = tcp.accept(listener)
    assert.is_false(tcp.accept_ready(listener))
    helper.close(a, b, c, d)
    tcp.close(listener)
  end)

  it("raises a network error if the listener has been closed", function()
    local listener = listener_of()
    tcp.close(listener)
    assert.equal("closed", network_error(tcp.accept_ready, listener).code)
  end)
end)

describe("tcp-accept-evt, by the Racket reference:", function()
  helper.check_leaks()

  it("is ready when tcp-accept would not block; its results are the two "
     .. "ports", function()
    local listener, port = listener_of()
    local event = tcp.accept_evt(listener)
    assert.is_nil(quayside.sync_timeout(0, event))
    local waiting = quayside.spawn(quayside.sync, event)
    helper.let_run()
    assert.is_false(waiting:is_dead())
    local a, b = tcp.connect("127.0.0.1", port)
    local c, d = helper.join(waiting)
    say(b, "hello\n")
    assert.equal("hello", c:read())
    say(d, "hello yourself\n")
    assert.equal("hello yourself", a:read())
    helper.close(a, b, c, d)
    tcp.close(listener)
  end)

  it("accepts nothing if it is not chosen", function()
    local listener, port = listener_of()
    local event = tcp.accept_evt(listener)
    local a, b = tcp.connect("127.0.0.1", port)
    local lost = 0
    for _ = 1, helper.rounds(200, 50) do
      local input, output = quayside.sync(quayside.evt.always, event)
      if output then
        helper.close(input, output, a, b)
        a, b = tcp.connect("127.0.0.1", port)
      else
        lost = lost + 1
      end
      assert.is_true(tcp.accept_ready(listener))
    end
    assert.is_true(lost > 0)
    helper.close(a, b, tcp.accept(listener))
    assert.is_false(tcp.accept_ready(listener))
    tcp.close(listener)
  end)

  it("places the ports under the custodian that was current when the event "
     .. "was made", function()
    local listener, port = listener_of()
    local first, event = helper.under_custodian(tcp.accept_evt, listener)
    local a, b = tcp.connect("127.0.0.1", port)
    local second, c, d = helper.under_custodian(quayside.sync, event)
    second:shutdown_all()
    assert.is_false(c:is_closed())
    assert.is_false(d:is_closed())
    first:shutdown_all()
    assert.is_true(c:is_closed())
    assert.is_true(d:is_closed())
    helper.close(a, b)
    tcp.close(listener)
  end)
end)

describe("tcp-abandon-port, by the Racket reference:", function()
  helper.check_leaks()

  it("closes an output port without an end for the peer before the input is "
     .. "closed", function()
    local a, b, c, d = helper.pair()
    tcp.abandon_port(b)
    assert.equal("closed", network_error(b.write, b, "x").code)
    helper.let_run()
    assert.is_false(c:ready())
    a:close()
    assert.is_nil(c:read())
    helper.close(c, d)
  end)

  it("lets the peer see the end at once if the input is closed already",
     function()
    local a, b, c, d = helper.pair()
    a:close()
    tcp.abandon_port(b)
    assert.is_nil(c:read())
    helper.close(c, d)
  end)

  it("closes an input port as close does", function()
    local a, b, c, d = helper.pair()
    local reading = quayside.spawn(a.read, a)
    helper.let_run()
    tcp.abandon_port(a)
    assert.is_true(a:is_closed())
    local ok, err = reading:wait()
    assert.is_false(ok)
    assert.equal("closed", err.code)
    say(b, "still here\n")
    assert.equal("still here", c:read())
    helper.close(b, c, d)
  end)
end)

describe("tcp-addresses, by the Racket reference:", function()
  helper.check_leaks()

  it("returns the local and the far address of a connection", function()
    local listener = tcp.listen(0, 4, false, "127.0.0.1")
    local _, port = tcp.addresses(listener, true)
    local a, b = tcp.connect("127.0.0.1", port, "127.0.0.9",
                             helper.free_port())
    local c, d = tcp.accept(listener)
    assert.same({"127.0.0.9", "127.0.0.1"}, {tcp.addresses(a)})
    assert.same({"127.0.0.9", "127.0.0.1"}, {tcp.addresses(b)})
    assert.same({"127.0.0.1", "127.0.0.9"}, {tcp.addresses(c)})
    helper.close(a, b, c, d)
    tcp.close(listener)
  end)

  it("is specific to the listener or connection on a machine with several "
     .. "addresses", function()
    local listener = tcp.listen(0)
    local _, port = tcp.addresses(listener, true)
    for _, host in ipairs {"127.0.0.1", "127.0.0.7"} do
      local a, b = tcp.connect(host, port)
      local c, d = tcp.accept(listener)
      assert.equal(host, (tcp.addresses(c)))
      helper.close(a, b, c, d)
      local specific = tcp.listen(0, 4, false, host)
      assert.equal(host, (tcp.addresses(specific)))
      tcp.close(specific)
    end
    tcp.close(listener)
  end)

  it("says 0.0.0.0 for a listener that has no specific host", function()
    local listener = tcp.listen(0)
    assert.equal("0.0.0.0", (tcp.addresses(listener)))
    tcp.close(listener)
  end)

  it("says 0.0.0.0 for the far side of any listener", function()
    local hosts = {"127.0.0.1"}
    if helper.has_ipv6() then hosts[2] = "::1" end
    for _, host in ipairs(hosts) do
      local listener = tcp.listen(0, 4, false, host)
      assert.same({host, "0.0.0.0"}, {tcp.addresses(listener)})
      tcp.close(listener)
    end
  end)

  it("returns the port numbers, too, if asked to", function()
    local a, b, c, d = helper.pair()
    local local_host, local_port, far_host, far_port = tcp.addresses(a, true)
    assert.equal("127.0.0.1", local_host)
    assert.equal("127.0.0.1", far_host)
    assert.is_true(tcp.is_port_number(local_port))
    assert.is_true(tcp.is_port_number(far_port))
    assert.same({far_host, far_port, local_host, local_port},
                {tcp.addresses(c, true)})
    helper.close(a, b, c, d)
  end)

  it("says port 0 for the far side of a listener", function()
    local listener, port = listener_of()
    assert.same({"127.0.0.1", port, "0.0.0.0", 0},
                {tcp.addresses(listener, true)})
    tcp.close(listener)
  end)

  it("raises a network error for what has been closed", function()
    local a, b, c, d = helper.pair()
    local listener = listener_of()
    helper.close(a, b, c, d)
    tcp.close(listener)
    for _, each in ipairs {a, b, c, d, listener} do
      assert.equal("closed", network_error(tcp.addresses, each).code)
    end
  end)
end)

describe("The predicates, by the Racket reference:", function()
  helper.check_leaks()

  it("tcp-port? is true of what connect and accept return, and false of all "
     .. "else", function()
    local listener, port = listener_of()
    local a, b = tcp.connect_enable_break("127.0.0.1", port)
    local c, d = tcp.accept_enable_break(listener)
    local e, f, g, h = helper.pair()
    for _, each in ipairs {a, b, c, d, e, f, g, h} do
      assert.is_true(tcp.is_port(each))
      each:close()
      assert.is_true(tcp.is_port(each))
    end
    for _, each in ipairs {listener, 1, "x", {}, io.stdout, false} do
      assert.is_false(tcp.is_port(each))
    end
    tcp.close(listener)
  end)

  it("port-number? is true of the integers from 1 to 65535", function()
    assert.is_true(tcp.is_port_number(1))
    assert.is_true(tcp.is_port_number(65535))
    for _, each in ipairs {0, 65536, -1, "80", 1.5, {}, false} do
      assert.is_false(tcp.is_port_number(each))
    end
  end)

  it("listen-port-number? is true of the integers from 0 to 65535", function()
    assert.is_true(tcp.is_listen_port_number(0))
    assert.is_true(tcp.is_listen_port_number(65535))
    for _, each in ipairs {65536, -1, "80", 0.5, {}, false} do
      assert.is_false(tcp.is_listen_port_number(each))
    end
  end)
end)
