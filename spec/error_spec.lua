-- Error objects, and quayside.try.

local helper = require "helper"
local quayside = require "quayside"
local shim = require "resolver_shim"

local tcp = quayside.tcp
local network_error = helper.network_error

describe("An error object", function()
  helper.check_leaks()

  it("of a refused connection tells all there is to tell", function()
    local port = helper.free_port()
    local err = network_error(tcp.connect, "127.0.0.1", port)
    assert.equal("network", err.kind)
    assert.equal("tcp.connect", err.op)
    assert.equal("ECONNREFUSED", err.code)
    assert.equal("integer", math.type(err.errno))
    assert.equal("127.0.0.1", err.hostname)
    assert.equal(port, err.port)
    assert.equal("string", type(err.message))
    assert.same({{address = "127.0.0.1", port = port, code = "ECONNREFUSED",
                  errno = err.errno}}, err.attempts)
  end)

  it("is one line as a string", function()
    local port = helper.free_port()
    local err = network_error(tcp.connect, "127.0.0.1", port)
    assert.equal(("tcp.connect: connection refused (127.0.0.1 port %d) "
                  .. "[ECONNREFUSED]"):format(port), tostring(err))
  end)

  it("names the address if that says more than the host", function()
    local options, reason = shim.options()
    if not options then pending(reason) end
    finally(shim.remove)
    assert.equal("tcp.connect: connection refused (127.0.0.6+127.0.0.7.shim "
                 .. "port 9: 127.0.0.7) [ECONNREFUSED]\n",
                 (helper.run_script([[
      print(select(2, pcall(require "quayside".tcp.connect,
                            "127.0.0.6+127.0.0.7.shim", 9)))]], options)))
  end)

  it("of a name without address has no errno", function()
    local err = network_error(tcp.connect, "no-such.invalid", 80)
    assert.truthy(err.code:find "^EAI_")
    assert.is_nil(err.errno)
    assert.equal("no-such.invalid", err.hostname)
    assert.truthy(tostring(err):find("no-such.invalid port 80", 1, true))
  end)

  it("of a listen that failed tells where", function()
    local listener, port = helper.listener()
    local err = network_error(tcp.listen, port, 4, false, "127.0.0.1")
    assert.equal("tcp.listen", err.op)
    assert.equal("EADDRINUSE", err.code)
    assert.equal("127.0.0.1", err.hostname)
    assert.equal(port, err.port)
    tcp.close(listener)
    err = network_error(tcp.listen, 0, 4, false, "192.0.2.1")
    assert.equal("EADDRNOTAVAIL", err.code)
  end)

  it("has code closed, and no errno, for everything done to what is closed",
     function()
    local a, b, c, d = helper.pair()
    local listener = helper.listener()
    helper.close(a, b, c, d)
    tcp.close(listener)
    local cases = {
      {a.read, a}, {a.read, a, "a"}, {a.read_line, a}, {a.read_some, a},
      {a.peek, a, 1}, {a.buffer_mode, a}, {a.addresses, a}, {a:lines()},
      {quayside.sync, a:read_evt(1)}, {quayside.sync, a:read_some_evt()},
      {quayside.sync, a:read_line_evt()}, {quayside.sync, a:peek_evt(1)},
      {quayside.sync, a:eof_evt()},
      {b.write, b, "x"}, {b.write, b, ""}, {b.write_some, b, "x"},
      {b.flush, b}, {b.buffer_mode, b}, {b.addresses, b},
      {quayside.sync, b:write_evt "x"}, {quayside.sync, b:flush_evt()},
      {tcp.accept, listener}, {tcp.accept_ready, listener},
      {tcp.close, listener}, {tcp.addresses, listener},
      {quayside.sync, tcp.accept_evt(listener)},
    }
    for i, case in ipairs(cases) do
      local err = network_error(table.unpack(case))
      assert.equal("closed", err.code, "case " .. i)
      assert.is_nil(err.errno)
      assert.truthy(tostring(err):find("[closed]", 1, true))
    end
  end)

  it("names the peer of a port", function()
    local a, b, c, d = helper.pair()
    local _, _, host, port = tcp.addresses(a, true)
    a:set_limit {line = 1}
    d:write("long")
    d:flush()
    local err = network_error(a.read, a)
    assert.equal("port.read", err.op)
    assert.equal(host, err.hostname)
    assert.equal(port, err.port)
    helper.close(a, b, c, d)
  end)

  it("passes through pcall, error and coroutine boundaries as it is",
     function()
    local ok, err = pcall(tcp.connect, "127.0.0.1", helper.free_port())
    assert.is_false(ok)
    local _, again = pcall(error, err)
    assert.equal(err, again)
    local failed, same = quayside.spawn(error, err):wait()
    assert.is_false(failed)
    assert.equal(err, same)
  end)
end)

describe("is_network and is_break", function()
  helper.check_leaks()

  it("know their errors, and never raise", function()
    local is_network = quayside.error.is_network
    local is_break = quayside.error.is_break
    local failure = network_error(tcp.connect, "127.0.0.1",
                                  helper.free_port())
    assert.is_true(is_network(failure))
    assert.is_false(is_break(failure))
    local waiting = quayside.spawn(quayside.sleep, 60)
    helper.let_run()
    waiting:send_break()
    local _, broken = waiting:wait()
    assert.is_true(is_break(broken))
    assert.is_false(is_network(broken))
    for _, each in ipairs {1, "x", {}, {kind = "network"}, print, true} do
      assert.is_false(is_network(each))
      assert.is_false(is_break(each))
    end
    assert.is_false(is_network(nil))
    assert.is_false(is_break())
  end)
end)

describe("quayside.try", function()
  helper.check_leaks()

  it("returns all results, nils included", function()
    local results = table.pack(quayside.try(function(...)
      return nil, ..., nil
    end, 1))
    assert.same({n = 3, nil, 1, nil}, results)
    assert.equal(0, select("#", quayside.try(function() end)))
  end)

  it("returns nil and the error for a network error", function()
    local result, err = quayside.try(tcp.connect, "127.0.0.1",
                                     helper.free_port())
    assert.is_nil(result)
    assert.equal("ECONNREFUSED", err.code)
  end)

  it("lets every other error through", function()
    for _, each in ipairs {"text", {}, false, 5} do
      local ok, err = pcall(quayside.try, error, each, 0)
      assert.is_false(ok)
      assert.equal(each, err)
    end
    local ok, err = pcall(quayside.try, tcp.connect, "127.0.0.1", 0)
    assert.is_false(ok)
    assert.equal("string", type(err))
    local waiting = quayside.spawn(quayside.try, quayside.sleep, 60)
    helper.let_run()
    waiting:send_break()
    assert.is_false((waiting:wait()))
  end)
end)
