-- UDP sockets: what holds over IPv4 and over IPv6.
local helper = require "helper"
local udp = require "quayside.udp"
local common = require "udp_common"

local bound, fails, assert_usable =
  common.bound, common.fails, common.assert_usable

for _, family in ipairs(common.families) do
  local host = family.host

  describe("a UDP socket over " .. family.name, function()
    helper.check_leaks()

    it("takes its family from the host it is opened for", function()
      for _, u in ipairs {udp.open(host), udp.open(host, 53)} do
        assert.same({family.any, 0, "0.0.0.0", 0}, {u:addresses(true)})
        assert.is_false(u:is_bound())
        assert.is_false(u:is_connected())
        u:close()
      end
    end)

    it("is bound to the address and port it asks for", function()
      local u, port = bound(host)
      assert.is_true(u:is_bound())
      assert.same({host, port, "0.0.0.0", 0}, {udp.addresses(u, true)})
      assert.same({host, "0.0.0.0"}, {udp.addresses(u)})
      u:close()
    end)

    it("hears every address of the machine when bound to none", function()
      local u = udp.open(host)
      udp.bind(u, nil, 0)
      local address, port = u:addresses(true)
      assert.equal(family.any, address)
      local peer = udp.open(host)
      peer:send_to(host, port, "x")
      assert.equal("x", (u:receive()))
      helper.close(u, peer)
    end)

    it("carries a datagram, its sender's address and port", function()
      local u, port = bound(host)
      local peer, peer_port = bound(host)
      peer:send_to(host, port, "one\0two")
      assert.same({"one\0two", host, peer_port}, {udp.receive(u)})
      u:send_to(host, peer_port, "back")
      assert.same({"back", host, port}, {peer:receive()})
      helper.close(u, peer)
    end)

    it("keeps datagrams apart and in order", function()
      local u, port = bound(host)
      local peer = udp.open(host)
      for i = 1, 50 do peer:send_to(host, port, ("x"):rep(i)) end
      for i = 1, 50 do assert.equal(i, #u:receive()) end
      assert.is_nil(u:try_receive())
      helper.close(u, peer)
    end)

    it("is bound by its first send", function()
      local u, port = bound(host)
      local peer = udp.open(host)
      assert.is_false(peer:is_bound())
      peer:send_to(host, port, "x")
      assert.is_true(peer:is_bound())
      local address, own = peer:addresses(true)
      assert.equal(family.any, address)
      assert.same({"x", host, own}, {u:receive()})
      fails({code = "already_bound"}, udp.bind, peer, host, 0)
      helper.close(u, peer)
    end)

    it("sends an empty datagram once, which arrives as an empty string",
    function()
      local u, port = bound(host)
      local peer, peer_port = bound(host)
      peer:send_to(host, port, "")
      assert.is_true(peer:try_send_to(host, port, ""))
      peer:connect(host, port)
      peer:send("")
      assert.is_true(peer:try_send(""))
      for _ = 1, 4 do
        assert.same({"", host, peer_port}, {u:receive()})
      end
      assert.is_nil(u:try_receive())
      helper.close(u, peer)
    end)

    it("carries the largest datagram, and refuses a larger one", function()
      local u, port = bound(host)
      local peer = udp.open(host)
      local largest = ("0123456789"):rep(6551):sub(1, 65507)
      peer:send_to(host, port, largest)
      assert.equal(largest, (u:receive()))
      local err = fails({code = "EMSGSIZE", op = "udp.send_to",
                         hostname = host, port = port},
                        peer.send_to, peer, host, port, ("x"):rep(70000))
      assert.equal("integer", math.type(err.errno))
      fails({code = "EMSGSIZE"}, peer.try_send_to, peer, host, port,
            ("x"):rep(70000))
      peer:connect(host, port)
      fails({code = "EMSGSIZE", op = "udp.send"}, peer.send, peer,
            ("x"):rep(1000000))
      assert_usable(u, port)
      helper.close(u, peer)
    end)

    it("connects: sends without an address, hears only its peer", function()
      local u, port = bound(host)
      local peer, peer_port = bound(host)
      local stranger = udp.open(host)
      udp.connect(u, host, peer_port)
      assert.is_true(udp.is_connected(u))
      assert.same({host, port, host, peer_port}, {u:addresses(true)})
      stranger:send_to(host, port, "not heard")
      u:send("ping")
      assert.same({"ping", host, port}, {peer:receive()})
      peer:send_to(host, port, "pong")
      assert.same({"pong", host, peer_port}, {u:receive()})
      assert.is_nil(u:try_receive())
      helper.close(u, peer, stranger)
    end)

    it("is bound by a connect", function()
      local u, port = bound(host)
      local peer = udp.open(host)
      peer:connect(host, port)
      assert.is_true(peer:is_bound())
      peer:send("x")
      local _, own = peer:addresses(true)
      assert.same({"x", host, own}, {u:receive()})
      u:send_to(host, own, "y")
      assert.equal("y", (peer:receive()))
      helper.close(u, peer)
    end)

    it("connects again and disconnects, and keeps the port it asked for",
    function()
      local u, port = bound(host)
      local first, first_port = bound(host)
      local second, second_port = bound(host)
      u:connect(host, first_port)
      u:connect(host, second_port)
      u:send("to the second")
      assert.equal("to the second", (second:receive()))
      assert.is_nil(first:try_receive())
      u:connect(nil, nil)
      assert.is_false(u:is_connected())
      assert.same({host, port, "0.0.0.0", 0}, {u:addresses(true)})
      u:connect(nil, nil)
      u:send_to(host, first_port, "to the first")
      assert.same({"to the first", host, port}, {first:receive()})
      first:send_to(host, port, "heard again")
      assert.equal("heard again", (u:receive()))
      helper.close(u, first, second)
    end)

    it("loses by a disconnect only a port nobody asked for", function()
      local u, port = bound(host)
      local peer = udp.open(host)
      peer:connect(host, port)
      peer:connect()
      assert.equal(peer:is_bound(), select(2, peer:addresses(true)) ~= 0)
      peer:send_to(host, port, "x")
      assert.is_true(peer:is_bound())
      assert.equal("x", (u:receive()))
      helper.close(u, peer)
    end)

    it("tells once of an error that came back, and goes on", function()
      local u, port = bound(host)
      local gone, gone_port = bound(host)
      gone:close()
      u:connect(host, gone_port)
      u:send("nobody hears this")
      local err = fails({code = "ECONNREFUSED", op = "udp.receive"},
                        u.receive, u)
      assert.equal(host, err.address)
      assert.is_nil(u:try_receive())
      u:send("nor this")
      fails({code = "ECONNREFUSED", op = "udp.send"}, u.send, u, "nor this")
      u:connect()
      assert_usable(u, port)
      u:close()
    end)

    it("refuses hosts of the other family", function()
      local other = family.name == "IPv4" and "::1" or "127.0.0.1"
      local u, port = bound(host)
      local free = udp.open(host)
      local refused = {code = "EAFNOSUPPORT", hostname = other}
      refused.op = "udp.send_to"
      local err = fails(refused, u.send_to, u, other, port, "x")
      assert.equal("integer", math.type(err.errno))
      assert.equal(port, err.port)
      refused.op = "udp.try_send_to"
      fails(refused, u.try_send_to, u, other, port, "x")
      refused.op = "udp.send_to_evt"
      fails(refused, u.send_to_evt, u, other, port, "x")
      refused.op = "udp.connect"
      fails(refused, u.connect, u, other, port)
      refused.op = "udp.bind"
      fails(refused, free.bind, free, other, 0)
      assert.is_false(free:is_bound())
      assert_usable(u, port)
      helper.close(u, free)
    end)
  end)
end
