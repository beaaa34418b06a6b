-- tcp.addresses, beyond the sentences of the reference.

local helper = require "helper"
local quayside = require "quayside"
local shim = require "resolver_shim"

local tcp = quayside.tcp

describe("tcp.addresses", function()
  helper.check_leaks()

  it("is the same for both ports of a connection, and a method of both",
     function()
    local a, b, c, d = helper.pair()
    assert.same({tcp.addresses(a, true)}, {tcp.addresses(b, true)})
    assert.same({tcp.addresses(c, true)}, {d:addresses(true)})
    assert.same({tcp.addresses(c)}, {c:addresses()})
    local _, port, _, far_port = a:addresses(true)
    assert.same({"127.0.0.1", far_port, "127.0.0.1", port},
                {c:addresses(true)})
    helper.close(a, b, c, d)
  end)

  it("is a method of listeners", function()
    local listener, port = helper.listener()
    assert.same({"127.0.0.1", port, "0.0.0.0", 0}, {listener:addresses(true)})
    tcp.close(listener)
  end)

  it("gives two strings unless the second argument is true", function()
    local a, b, c, d = helper.pair()
    for _, no in ipairs {false} do
      assert.equal(2, select("#", tcp.addresses(a, no)))
    end
    assert.equal(2, select("#", tcp.addresses(a)))
    assert.equal(2, select("#", tcp.addresses(a, nil)))
    for _, yes in ipairs {true, 0, "", {}} do
      assert.equal(4, select("#", tcp.addresses(a, yes)))
    end
    helper.close(a, b, c, d)
  end)

  it("gives integers for port numbers", function()
    local a, b, c, d = helper.pair()
    local _, port, _, far_port = tcp.addresses(a, true)
    assert.equal("integer", math.type(port))
    assert.equal("integer", math.type(far_port))
    helper.close(a, b, c, d)
  end)

  it("knows IPv6 addresses, and those mapped from IPv4", function()
    if not helper.has_ipv6() then pending "the kernel has no IPv6" end
    local listener = tcp.listen(0, 4, false, "::1")
    assert.same({"::1", "0.0.0.0"}, {tcp.addresses(listener)})
    local _, port = tcp.addresses(listener, true)
    local a, b = tcp.connect("::1", port)
    local c, d = tcp.accept(listener)
    assert.same({"::1", "::1"}, {tcp.addresses(c)})
    helper.close(a, b, c, d)
    tcp.close(listener)
    listener = tcp.listen(0, 4, false, "::")
    _, port = tcp.addresses(listener, true)
    assert.equal("::", (tcp.addresses(listener)))
    a, b = tcp.connect("127.0.0.1", port)
    c, d = tcp.accept(listener)
    assert.same({"::ffff:127.0.0.1", "::ffff:127.0.0.1"}, {tcp.addresses(c)})
    helper.close(a, b, c, d)
    tcp.close(listener)
  end)

  it("tells the first address of a listener that has several", function()
    local options, reason = shim.options()
    if not options then pending(reason) end
    finally(shim.remove)
    assert.equal("127.0.0.8\t0.0.0.0\n", (helper.run_script([[
      local tcp = require "quayside".tcp
      local name = "127.0.0.8+127.0.0.9.shim"
      print(tcp.addresses(tcp.listen(0, 4, false, name)))]], options)))
  end)

  it("does not fail before the port is closed, whatever became of the peer",
     function()
    local a, b, c, d = helper.pair()
    local before = {tcp.addresses(c, true)}
    helper.close(a, b)
    d:write("x")
    d:flush()
    helper.let_run()
    quayside.try(d.write_some, d, "x")
    assert.same(before, {tcp.addresses(c, true)})
    assert.same(before, {tcp.addresses(d, true)})
    c:close()
    assert.equal("closed", helper.network_error(tcp.addresses, c).code)
    assert.same(before, {tcp.addresses(d, true)})
    quayside.try(d.close, d)
  end)

  it("knows a connection's addresses by port and by a UDP socket alike",
     function()
    local udp = quayside.udp
    if not udp then pending "there is no UDP yet" end
    local socket = udp.open()
    assert.same({"0.0.0.0", 0, "0.0.0.0", 0}, {tcp.addresses(socket, true)})
    udp.close(socket)
    assert.equal("closed", helper.network_error(tcp.addresses, socket).code)
  end)

  it("refuses what has no addresses", function()
    for _, wrong in ipairs {1, "127.0.0.1", {}, io.stdout, print, true} do
      helper.argument_error(tcp.addresses, wrong)
    end
    helper.argument_error(tcp.addresses)
    helper.argument_error(tcp.addresses, nil)
  end)
end)
