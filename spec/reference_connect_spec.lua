-- The sentences of the TCP chapter of the Racket reference about connections,
-- one spec for each, in its order and in other words.

local helper = require "helper"
local quayside = require "quayside"
local shim = require "resolver_shim"

local tcp = quayside.tcp
local listener_of = helper.listener
local network_error = helper.network_error

local function say(output, text)
  output:write(text)
  output:flush()
end

describe("tcp-connect, by the Racket reference:", function()
  helper.check_leaks()

  it("connects as a client to a listening server", function()
    local listener, port = listener_of()
    local a, b = tcp.connect("127.0.0.1", port)
    assert.is_true(tcp.accept_ready(listener))
    helper.close(a, b, tcp.accept(listener))
    tcp.close(listener)
  end)

  it("tries the addresses of a name one at a time until one succeeds",
     function()
    local options, reason = shim.options()
    if not options then pending(reason) end
    finally(shim.remove)
    local written = helper.run_script([[
      local tcp = require "quayside".tcp
      local listener = tcp.listen(0, 4, false, "127.0.0.3")
      local _, port = tcp.addresses(listener, true)
      local name = "127.0.0.9+127.0.0.3+127.0.0.8.shim"
      local input = tcp.connect(name, port)
      print(select(2, tcp.addresses(input)))
      tcp.close(listener)
      local _, err = pcall(tcp.connect, name, port)
      for _, each in ipairs(err.attempts) do
        print(each.address, each.port == port, each.code)
      end]], options)
    assert.equal("127.0.0.3\n"
                 .. "127.0.0.9\ttrue\tECONNREFUSED\n"
                 .. "127.0.0.3\ttrue\tECONNREFUSED\n"
                 .. "127.0.0.8\ttrue\tECONNREFUSED\n", written)
  end)

  it("finds the local machine by the name localhost", function()
    local listener = tcp.listen(0)
    local _, port = tcp.addresses(listener, true)
    local a, b = tcp.connect("localhost", port)
    helper.close(a, b, tcp.accept(listener))
    tcp.close(listener)
  end)

  it("uses the local host name and local port if they are given", function()
    local listener, port = listener_of()
    local local_port = helper.free_port()
    local a, b = tcp.connect("127.0.0.1", port, "127.0.0.9", local_port)
    local c, d = tcp.accept(listener)
    local _, _, host, from = tcp.addresses(c, true)
    assert.equal("127.0.0.9", host)
    assert.equal(local_port, from)
    helper.close(a, b, c, d)
    tcp.close(listener)
  end)

  it("selects the client's address and port if neither is given", function()
    local a, b, c, d = helper.pair()
    local host, port = tcp.addresses(a, true)
    assert.equal("127.0.0.1", host)
    assert.is_true(tcp.is_port_number(port))
    helper.close(a, b, c, d)
  end)

  it("demands a local port with a local host name", function()
    local message = helper.argument_error(tcp.connect, "127.0.0.1", 9,
                                          "127.0.0.1")
    assert.truthy(message:find("#4", 1, true))
  end)

  it("selects the address by itself if only the local port is given",
     function()
    local hosts = {"127.0.0.1"}
    if helper.has_ipv6() then hosts[2] = "::1" end
    for _, destination in ipairs(hosts) do
      local listener = tcp.listen(0, 4, false, destination)
      local _, port = tcp.addresses(listener, true)
      local local_port = helper.free_port()
      local a, b = tcp.connect(destination, port, nil, local_port)
      local host, from = tcp.addresses(a, true)
      assert.equal(destination, host)
      assert.equal(local_port, from)
      helper.close(a, b, tcp.accept(listener))
      tcp.close(listener)
    end
  end)

  it("returns an input port and an output port", function()
    local a, b, c, d = helper.pair()
    assert.is_true(quayside.port.is_input(a))
    assert.is_true(quayside.port.is_output(b))
    assert.is_false(quayside.port.is_output(a))
    assert.is_false(quayside.port.is_input(b))
    helper.close(a, b, c, d)
  end)

  it("receives through the input port and sends through the output port",
     function()
    local a, b, c, d = helper.pair()
    say(b, "ping\n")
    assert.equal("ping", c:read())
    say(d, "pong\n")
    assert.equal("pong", a:read())
    helper.close(a, b, c, d)
  end)

  it("places both ports under the current custodian", function()
    local listener, port = listener_of()
    local owner, a, b = helper.under_custodian(tcp.connect, "127.0.0.1", port)
    assert.equal(2, #owner:managed())
    local c, d = tcp.accept(listener)
    owner:shutdown_all()
    assert.is_true(a:is_closed())
    assert.is_true(b:is_closed())
    assert.is_nil(c:read())
    helper.close(c, d)
    tcp.close(listener)
  end)

  it("begins with both ports block-buffered", function()
    local a, b, c, d = helper.pair()
    assert.equal("block", a:buffer_mode())
    assert.equal("block", b:buffer_mode())
    b:write("a line\n")
    helper.let_run()
    assert.is_false(c:ready())
    b:flush()
    assert.equal("a line", c:read())
    helper.close(a, b, c, d)
  end)

  it("lets buffer_mode change the buffering", function()
    local a, b, c, d = helper.pair()
    assert.equal("none", b:buffer_mode "none")
    b:write("now")
    assert.equal("now", c:read(3))
    assert.equal("none", a:buffer_mode "none")
    assert.equal("none", a:buffer_mode())
    helper.close(a, b, c, d)
  end)

  it("ends the connection when both ports have been closed", function()
    local a, b, c, d = helper.pair()
    local before = helper.descriptors()
    a:close()
    assert.equal(before, helper.descriptors())
    say(b, "still open\n")
    assert.equal("still open", c:read())
    b:close()
    assert.equal(before - 1, helper.descriptors())
    assert.is_nil(c:read())
    helper.close(c, d)
  end)

  it("lets the peer see an end of file when the output is closed", function()
    local a, b, c, d = helper.pair()
    b:write("the last words")
    b:close()
    assert.equal("the last words", c:read("a"))
    assert.is_nil(c:read())
    say(d, "an answer\n")
    assert.equal("an answer", a:read())
    helper.close(a, c, d)
  end)

  it("lets the peer of an abandoned output see an end only when the input is "
     .. "closed too", function()
    local a, b, c, d = helper.pair()
    say(b, "so far\n")
    tcp.abandon_port(b)
    assert.is_true(b:is_closed())
    assert.equal("so far", c:read())
    helper.let_run()
    assert.is_false(c:ready())
    a:close()
    assert.is_nil(c:read())
    helper.close(c, d)
  end)

  it("discovers a connection closed at the far end only by sending: some "
     .. "writes succeed, then one fails", function()
    local a, b, c, d = helper.pair()
    helper.close(c, d)
    say(b, "first")
    local err = network_error(function()
      for _ = 1, 100 do
        say(b, "more")
        helper.let_run()
      end
    end)
    assert.is_true(err.code == "EPIPE" or err.code == "ECONNRESET")
    quayside.try(helper.close, a, b)
  end)

  it("raises a network error if no connection can be made", function()
    local err = network_error(tcp.connect, "127.0.0.1", helper.free_port())
    assert.equal("ECONNREFUSED", err.code)
    assert.equal("tcp.connect", err.op)
  end)
end)

describe("tcp-connect/enable-break, by the Racket reference:", function()
  helper.check_leaks()

  it("connects like tcp-connect", function()
    local listener, port = listener_of()
    local a, b = tcp.connect_enable_break("127.0.0.1", port)
    local c, d = tcp.accept(listener)
    say(b, "x\n")
    assert.equal("x", c:read())
    helper.close(a, b, c, d)
    tcp.close(listener)
  end)

  it("lets a break in while it tries to connect", function()
    local listener, port = listener_of(0)
    local a, b = tcp.connect("127.0.0.1", port) -- fills the queue
    local trying = quayside.spawn(quayside.thread.with_break, false,
                                  tcp.connect_enable_break, "127.0.0.1", port)
    helper.let_run()
    trying:send_break()
    local ok, err = trying:wait()
    assert.is_false(ok)
    assert.is_true(quayside.error.is_break(err))
    helper.close(a, b)
    tcp.close(listener)
  end)

  it("gives either ports or a break", function()
    local with_break = quayside.thread.with_break
    local rounds = helper.rounds(200, 20)
    local listener, port = listener_of(rounds)
    for i = 1, rounds do
      local trying = with_break(false, quayside.spawn, function()
        local ok, input, output =
          pcall(tcp.connect_enable_break, "127.0.0.1", port)
        -- A break that came in is gone; one that did not is still to come.
        local is_kept = not pcall(with_break, true, function() end)
        return ok, is_kept, input, output
      end)
      for _ = 1, i % 4 do quayside.sleep(0) end
      local is_late = trying:is_dead()
      trying:send_break()
      local connected, is_kept, input, output = helper.join(trying)
      assert.equal(connected and not is_late, is_kept)
      if connected then
        helper.close(input, output)
      else
        assert.is_true(quayside.error.is_break(input))
      end
      while tcp.accept_ready(listener) do helper.close(tcp.accept(listener)) end
    end
    tcp.close(listener)
  end)
end)
