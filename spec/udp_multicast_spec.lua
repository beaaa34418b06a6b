-- UDP sockets: time to live, receive buffer, multicast.
local helper = require "helper"
local quayside = require "quayside"
local common = require "udp_common"

local udp, sync_timeout = quayside.udp, quayside.sync_timeout
local fails = common.fails

-- A socket bound to every address of the machine, and its port number.
local function receiver(host)
  local u = udp.open(host)
  u:bind(nil, 0)
  local _, port = u:addresses(true)
  return u, port
end

local function expect(data, u)
  assert.equal(data, (sync_timeout(5, u:receive_evt())))
end

-- Is the loopback interface in the group ff02::77:1?  Linux tells.
local function is_lo_in_group()
  local list = io.open "/proc/net/igmp6"
  if not list then return nil end
  local found = list:read("a"):find("%f[%w]lo%s+ff02" .. ("0"):rep(20)
                                    .. "00770001") ~= nil
  list:close()
  return found
end

for _, family in ipairs(common.families) do
  describe("the options of a UDP socket over " .. family.name, function()
    helper.check_leaks()

    it("have the time to live", function()
      local u = udp.open(family.host)
      assert.equal(64, u:ttl())
      for _, ttl in ipairs {1, 17, 255} do
        udp.set_ttl(u, ttl)
        assert.equal(ttl, udp.ttl(u))
      end
      u:close()
    end)

    it("have the time to live of multicast, which is another", function()
      local u = udp.open(family.host)
      assert.equal(1, u:multicast_ttl())
      for _, ttl in ipairs {0, 3, 255} do
        udp.multicast_set_ttl(u, ttl)
        assert.equal(ttl, udp.multicast_ttl(u))
      end
      assert.equal(64, u:ttl())
      u:close()
    end)

    it("refuse a time to live that is no byte", function()
      local u = udp.open(family.host)
      for _, ttl in ipairs {-1, 256, 1.5, "x"} do
        helper.argument_error(u.set_ttl, u, ttl)
        helper.argument_error(u.multicast_set_ttl, u, ttl)
      end
      helper.argument_error(udp.set_ttl, nil, 1)
      helper.argument_error(udp.ttl)
      assert.same({64, 1}, {u:ttl(), u:multicast_ttl()})
      u:close()
    end)

    it("have multicast loopback, which is on at first", function()
      local u = udp.open(family.host)
      assert.is_true(u:is_multicast_loopback())
      udp.multicast_set_loopback(u, false)
      assert.is_false(udp.is_multicast_loopback(u))
      u:multicast_set_loopback(0)
      assert.is_true(u:is_multicast_loopback())
      u:multicast_set_loopback(nil)
      assert.is_false(u:is_multicast_loopback())
      u:close()
    end)

    it("have the interface of multicast", function()
      local u = udp.open(family.host)
      local name = family.name == "IPv4" and "127.0.0.1" or "lo"
      assert.equal(family.any, u:multicast_interface())
      for _, interface in ipairs {family.host, "lo"} do
        udp.multicast_set_interface(u, interface)
        assert.equal(name, udp.multicast_interface(u))
        u:multicast_set_interface(nil)
        assert.equal(family.any, u:multicast_interface())
      end
      for _, any in ipairs {"0.0.0.0", "::"} do
        u:multicast_set_interface("lo")
        u:multicast_set_interface(any)
        assert.equal(family.any, u:multicast_interface())
      end
      u:close()
    end)

    it("refuse an interface that is none", function()
      local u = udp.open(family.host)
      local other = family.name == "IPv4" and "::1" or "127.0.0.1"
      local function refused(code, name)
        local err = fails({op = "udp.multicast_set_interface", hostname = name},
                          u.multicast_set_interface, u, name)
        assert.matches(code, err.code)
      end
      refused("^EAFNOSUPPORT$", other)
      refused("^EAI_", "no-such-interface.invalid")
      refused("^E%u+$", family.name == "IPv4" and "192.0.2.77"
                        or "2001:db8::77")
      helper.argument_error(u.multicast_set_interface, u, 1)
      assert.equal(family.any, u:multicast_interface())
      u:close()
    end)

    it("join a group and leave it", function()
      local group = family.name == "IPv4" and "239.77.1.2" or "ff02::77:1"
      local u, port = receiver(family.host)
      local join, leave = udp.multicast_join_group, udp.multicast_leave_group
      local never = fails({code = "EADDRNOTAVAIL", hostname = group,
                           op = "udp.multicast_leave_group"},
                          leave, u, group, "lo")
      assert.equal("integer", math.type(never.errno))
      join(u, group, "lo")
      if family.name == "IPv6" then
        assert.is_not_false(is_lo_in_group())
      end
      local twice = fails({code = "EADDRINUSE", hostname = group,
                           op = "udp.multicast_join_group"},
                          join, u, group, "lo")
      assert.equal("integer", math.type(twice.errno))
      leave(u, group, "lo")
      if family.name == "IPv6" then assert.is_not_true(is_lo_in_group()) end
      fails({code = "EADDRNOTAVAIL"}, leave, u, group, "lo")
      join(u, group, family.host)
      leave(u, group, family.host)
      u:send_to(family.host, port, "usable")
      assert.equal("usable", (u:receive()))
      u:close()
    end)

    it("refuse a group that is none", function()
      local u = udp.open(family.host)
      local none, other = "192.0.2.7", "ff02::77:1"
      if family.name == "IPv6" then
        none, other = "2001:db8::7", "239.77.1.2"
      end
      local function refused(code, group, interface)
        local err = helper.network_error(u.multicast_join_group, u, group,
                                         interface)
        assert.matches(code, err.code)
        assert.equal("udp.multicast_join_group", err.op)
        return err
      end
      assert.equal(none, refused("^EINVAL$", none, "lo").hostname)
      assert.equal(other, refused("^EAFNOSUPPORT$", other, "lo").hostname)
      refused("^EAI_NONAME$", "localhost", "lo")
      local err = refused("^EAI_", family.name == "IPv4" and other or none,
                          "no-such-interface.invalid")
      assert.equal("no-such-interface.invalid", err.hostname)
      helper.argument_error(u.multicast_join_group, u)
      helper.argument_error(u.multicast_join_group, u, 1)
      helper.argument_error(u.multicast_leave_group, u, "239.77.1.2", 1)
      u:close()
    end)
  end)
end

describe("the receive buffer of a UDP socket", function()
  helper.check_leaks()

  it("can be set, and holds more then", function()
    local small, small_port = common.bound()
    local large, large_port = common.bound()
    udp.set_receive_buffer_size(small, 4096)
    large:set_receive_buffer_size(128 * 1024)
    local counts = {}
    for i, port in ipairs {small_port, large_port} do
      local u = i == 1 and small or large
      local peer = udp.open()
      for _ = 1, 40 do peer:send_to("127.0.0.1", port, ("x"):rep(1000)) end
      counts[i] = 0
      while u:try_receive() do counts[i] = counts[i] + 1 end
      peer:close()
    end
    assert.equal(40, counts[2])
    assert(counts[1] < 40)
    helper.close(small, large)
  end)

  it("is as it was when the system does not give so much", function()
    local u, port = common.bound()
    local peer = udp.open()
    u:set_receive_buffer_size(4096)
    for _, size in ipairs {0x7fffffff, 1 << 40} do
      local err = fails({code = "ENOBUFS", op = "udp.set_receive_buffer_size"},
                        u.set_receive_buffer_size, u, size)
      assert.equal("integer", math.type(err.errno))
    end
    for _ = 1, 40 do peer:send_to("127.0.0.1", port, ("x"):rep(1000)) end
    local count = 0
    while u:try_receive() do count = count + 1 end
    assert(count > 0 and count < 40)
    helper.close(u, peer)
  end)

  it("is a positive number of bytes", function()
    local u = udp.open()
    for _, size in ipairs {0, -1, 1.5, "x"} do
      helper.argument_error(u.set_receive_buffer_size, u, size)
    end
    helper.argument_error(udp.set_receive_buffer_size, {}, 1)
    u:close()
  end)
end)

describe("multicast over the loopback interface", function()
  helper.check_leaks()

  it("reaches every socket that has joined, and no other", function()
    local group = "239.77.1.3"
    local members, port = {}, 0
    for i = 1, 3 do
      members[i] = udp.open()
      members[i]:bind(nil, port, true)
      port = select(2, members[i]:addresses(true))
    end
    members[1]:multicast_join_group(group, "127.0.0.1")
    members[2]:multicast_join_group(group, "lo")
    local sender = udp.open()
    sender:multicast_set_interface("127.0.0.1")
    sender:send_to(group, port, "to all")
    expect("to all", members[1])
    expect("to all", members[2])
    members[2]:multicast_leave_group(group, "lo")
    sender:send_to(group, port, "to one")
    expect("to one", members[1])
    members[1]:multicast_leave_group(group, "127.0.0.1")
    sender:send_to(group, port, "to none")
    sender:send_to("127.0.0.1", port, "to the address")
    local heard = {}
    for i = 1, 3 do heard[i] = members[i]:try_receive() or nil end
    for i = 1, 3 do assert.are_not.equal("to none", heard[i]) end
    helper.close(sender, table.unpack(members))
  end)

  -- The loopback interface has no route for IPv6 multicast, and hears what it
  -- sends whatever IP_MULTICAST_LOOP says; a network namespace of our own has
  -- what is needed.
  local function run_apart(source, setup)
    local name = helper.file(source)
    local command = setup .. "\n" .. helper.command(name)
    local process = io.popen("unshare -rn sh -c " .. helper.quote(command)
                             .. " 2>&1")
    local written = process:read("a")
    process:close()
    os.remove(name)
    return written
  end

  local function apart(sentence, expected, setup, source)
    it(sentence, function()
      if not os.execute "unshare -rn ip link set lo up 2>/dev/null" then
        pending "no network namespace to be had: unshare(1), ip(8)"
        return
      end
      assert.equal(expected, run_apart(source, setup))
    end)
  end

  apart("works over IPv6, too", "six\nscoped\nthe end\n", [[
    ip link set lo up
    ip -6 route add local ff00::/8 dev lo table local]], [[
    local quayside = require "quayside"
    local udp = quayside.udp
    local u, sender = udp.open("::1"), udp.open("::1")
    u:bind(nil, 0)
    local _, port = u:addresses(true)
    local function heard()
      print((quayside.sync_timeout(5, u:receive_evt())))
    end
    u:multicast_join_group("ff02::77:2", "lo")
    sender:multicast_set_interface("::1")
    sender:send_to("ff02::77:2", port, "six")
    heard()
    sender:send_to("ff02::77:2%lo", port, "scoped")
    heard()
    u:multicast_leave_group("ff02::77:2", "::1")
    u:multicast_join_group("ff02::77:2%lo")
    u:multicast_leave_group("ff02::77:2", "lo")
    sender:send_to("ff02::77:2", port, "to none")
    sender:send_to("::1", port, "the end")
    heard()
  ]])

  apart("is heard by its own machine only with loopback", "heard\nthe end\n",
  [[
    ip link set lo up
    ip link add d0 type veth peer name d1
    ip addr add 10.77.7.1/24 dev d0
    ip link set d1 up
    ip link set d0 up]], [[
    local quayside = require "quayside"
    local u, sender = quayside.udp.open(), quayside.udp.open()
    u:bind(nil, 0)
    local _, port = u:addresses(true)
    u:multicast_join_group("239.77.1.4", "d0")
    sender:multicast_set_interface("d0")
    assert(sender:multicast_interface() == "10.77.7.1")
    local function heard()
      print((quayside.sync_timeout(5, u:receive_evt())))
    end
    sender:send_to("239.77.1.4", port, "heard")
    heard()
    sender:multicast_set_loopback(false)
    sender:send_to("239.77.1.4", port, "not heard")
    sender:send_to("127.0.0.1", port, "the end")
    heard()
  ]])
end)
