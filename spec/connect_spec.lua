-- Connecting, beyond the sentences of the reference.

local helper = require "helper"
local quayside = require "quayside"
local core = require "quayside.core"
local shim = require "resolver_shim"

local tcp, spawn = quayside.tcp, quayside.spawn
local argument_error, network_error = helper.argument_error,
                                      helper.network_error

-- Runs a script whose name look-ups are the shim's.  `gate` in it is the name
-- of a file that does not exist, `open_gate()` makes it.
local function run_with_shim(source, before)
  local options, reason = shim.options()
  if not options then pending(reason) end
  options.before = before
  local written, status = helper.run_script([[
    local quayside = require "quayside"
    local tcp = quayside.tcp
    local gate = os.tmpname()
    os.remove(gate)
    local function open_gate() io.open(gate, "w"):close() end
    local listener = tcp.listen(0, 64, false, "127.0.0.1")
    local _, port = tcp.addresses(listener, true)
    ]] .. source .. "\nos.remove(gate)", options)
  shim.remove()
  return written, status
end

-- A listener whose queue is full, so that connecting to it takes for ever.
local function full_listener()
  local listener, port = helper.listener(0)
  local kept = {}
  repeat
    local trying = spawn(function() return tcp.connect("127.0.0.1", port) end)
    helper.let_run()
    local is_in = trying:is_dead()
    if is_in then kept[#kept + 1] = table.pack(helper.join(trying)) end
    if not is_in then trying:kill() end
  until not is_in
  return listener, port, function()
    for _, each in ipairs(kept) do helper.close(each[1], each[2]) end
    tcp.close(listener)
  end
end

describe("tcp.connect", function()
  helper.check_leaks()

  it("refuses wrong arguments, in order, before anything is opened",
     function()
    local before = helper.descriptors()
    local function refused(position, ...)
      local message = argument_error(tcp.connect, ...)
      assert.truthy(message:find("#" .. position, 1, true), message)
    end
    refused(1)
    refused(1, {}, 1)
    refused(1, 17 < 4, "x")
    refused(1, "127.0.0.1\0.example", 80)
    for _, port in ipairs {0, 65536, -1, 80.5, "80", {}} do
      refused(2, "127.0.0.1", port)
    end
    refused(2, "127.0.0.1")
    refused(3, "127.0.0.1", 80, {}, 80)
    refused(3, "127.0.0.1", 80, "127.0.0.1\0", 80)
    refused(4, "127.0.0.1", 80, "127.0.0.1", 0)
    refused(4, "127.0.0.1", 80, "127.0.0.1", "80")
    refused(4, "127.0.0.1", 80, "127.0.0.1")
    assert.equal(before, helper.descriptors())
    assert.equal(0, core.counts().lookups)
  end)

  it("takes a table of the same names", function()
    local listener, port = helper.listener()
    local local_port = helper.free_port()
    local a, b = tcp.connect {hostname = "127.0.0.1", port = port,
                              local_hostname = "127.0.0.5",
                              local_port = local_port}
    assert.same({"127.0.0.5", local_port, "127.0.0.1", port},
                {tcp.addresses(a, true)})
    helper.close(a, b, tcp.accept(listener))
    tcp.close(listener)
  end)

  it("takes every form of address that the system's resolver does",
     function()
    local listener, port = helper.listener()
    for _, host in ipairs {"127.1", "2130706433", "0.0.0.0",
                           "::ffff:127.0.0.1"} do
      if helper.has_ipv6() or not host:find(":", 1, true) then
        helper.close(tcp.connect(host, port))
        helper.close(tcp.accept(listener))
      end
    end
    tcp.close(listener)
  end)

  it("raises an error for what is no host", function()
    for _, host in ipairs {"", "[::1]", "no-such.invalid", "\u{e9}\u{20ac}"} do
      local err = network_error(tcp.connect, host, 80)
      assert.truthy(err.code:find "^EAI_")
      assert.equal(host, err.hostname)
      assert.equal(80, err.port)
    end
  end)

  it("raises an error for a local host that is none", function()
    local err = network_error(tcp.connect, "127.0.0.1", 80, "no-such.invalid",
                              81)
    assert.truthy(err.code:find "^EAI_")
    assert.equal("no-such.invalid", err.hostname)
    assert.equal(81, err.port)
  end)

  it("raises an error for a local address in use, not local, or of the other "
     .. "family, and leaves no descriptor", function()
    local listener, port = helper.listener()
    local cases = {
      {"127.0.0.1", port, "EADDRINUSE"},
      {"192.0.2.1", helper.free_port(), "EADDRNOTAVAIL"},
      {"::1", helper.free_port(), "EAFNOSUPPORT"},
    }
    local before = helper.descriptors()
    for _, case in ipairs(cases) do
      for _ = 1, 10 do
        local err = network_error(tcp.connect, "127.0.0.1", port, case[1],
                                  case[2])
        assert.equal(case[3], err.code)
      end
    end
    assert.equal(before, helper.descriptors())
    tcp.close(listener)
  end)

  it("makes no descriptor stay open when it fails", function()
    local port = helper.free_port()
    local before = helper.descriptors()
    for _ = 1, 50 do
      assert.equal("ECONNREFUSED",
                   network_error(tcp.connect, "127.0.0.1", port).code)
    end
    assert.equal(before, helper.descriptors())
  end)

  it("tells every address that was tried, and the code of the last",
     function()
    assert.equal("ECONNREFUSED\t3\n127.0.0.8 ECONNREFUSED\n"
                 .. "::1 ECONNREFUSED\n127.0.0.9 ECONNREFUSED\n",
                 (run_with_shim [[
      tcp.close(listener)
      local _, err = quayside.try(tcp.connect, "127.0.0.8+::1+127.0.0.9.shim",
                                  port)
      print(err.code, #err.attempts)
      for _, each in ipairs(err.attempts) do print(each.address .. " "
                                                   .. each.code) end]]))
  end)

  it("tries the next address when the local one does not fit", function()
    assert.equal("127.0.0.1\n", (run_with_shim [[
      local spare = tcp.listen(0, 4, false, "127.0.0.1")
      local _, local_port = tcp.addresses(spare, true)
      tcp.close(spare)
      local input = tcp.connect("::1+127.0.0.1.shim", port, "127.0.0.1",
                                local_port)
      print((tcp.addresses(input)))]]))
  end)

  it("lets the other threads run while it connects", function()
    local _, port, release = full_listener()
    local trying = spawn(tcp.connect, "127.0.0.1", port)
    local ran = helper.join(spawn(function() return "ran" end))
    assert.equal("ran", ran)
    assert.is_false(trying:is_dead())
    trying:kill()
    release()
  end)

  it("lets the other threads run while a name is looked up, and connects to "
     .. "a numeric address meanwhile", function()
    assert.equal("numeric\nnamed\n", (run_with_shim [[
      local slow = quayside.spawn(function()
        tcp.connect("until=" .. gate .. "+127.0.0.1.shim", port)
        print "named"
      end)
      quayside.sleep(0)
      tcp.connect("127.0.0.1", port)
      print "numeric"
      open_gate()
      slow:wait()]]))
  end)

  it("lets a slow look-up delay no other", function()
    assert.equal("fast\nfast\nfast\nslow\n", (run_with_shim [[
      tcp.connect("127.0.0.1.shim", port) -- one helper idles from here on
      local slow = quayside.spawn(function()
        tcp.connect("until=" .. gate .. "+127.0.0.1.shim", port)
        print "slow"
      end)
      local fast = {}
      for i = 1, 3 do
        fast[i] = quayside.spawn(function()
          tcp.connect("127.0.0.1.shim", port)
          print "fast"
        end)
      end
      for i = 1, 3 do fast[i]:wait() end
      open_gate()
      slow:wait()]]))
  end)

  it("can be broken, killed or given up during a look-up", function()
    assert.equal("break\nkill\nnil\n0\n", (run_with_shim [[
      local name = "until=" .. gate .. "+127.0.0.1.shim"
      local broken = quayside.spawn(tcp.connect, name, port)
      local killed = quayside.spawn(tcp.connect, name, port)
      quayside.sleep(0)
      broken:send_break()
      killed:kill()
      print(select(2, broken:wait()).kind)
      print(select(2, killed:wait()).kind)
      print(quayside.sync_timeout(0.01, tcp.connect_evt(name, port)))
      print(require "quayside.core".counts().lookups)
      open_gate()]]))
  end)

  it("does not hold up the end of the program with a look-up under way",
     function()
    local written, status = run_with_shim [[
      local name = "until=" .. gate .. "+127.0.0.1.shim"
      quayside.spawn(tcp.connect, name, port)
      quayside.sleep(0)
      print "end"]]
    assert.equal("end\n", written)
    assert.equal(0, status)
  end)

  it("raises an error for each kind of failing look-up", function()
    assert.equal("EAI_AGAIN\nEAI_FAIL\n", (run_with_shim [[
      for code = 3, 4 do
        local name = "failure=" .. code .. ".shim"
        print(select(2, quayside.try(tcp.connect, name, port)).code)
      end]]))
  end)

  it("raises EMFILE when there is no free descriptor", function()
    assert.equal("tcp.connect EMFILE\n", (run_with_shim([[
      local held = {}
      repeat
        local file = io.open("/dev/null")
        held[#held + 1] = file
      until not file
      local _, err = quayside.try(tcp.connect, "127.0.0.1", port)
      print(err.op .. " " .. err.code)]], "ulimit -n 24")))
  end)

  it("leaves nothing behind when the thread is killed", function()
    local _, port, release = full_listener()
    local before = helper.descriptors()
    local trying = {}
    for i = 1, 5 do trying[i] = spawn(tcp.connect, "127.0.0.1", port) end
    helper.let_run()
    assert.equal(before + 5, helper.descriptors())
    for i = 1, 5 do trying[i]:kill() end
    assert.equal(before, helper.descriptors())
    release()
  end)

  it("ends when the custodian dies that was to own the ports", function()
    local _, port, release = full_listener()
    local owner = quayside.custodian.new()
    local trying = spawn(function()
      return quayside.try(owner.with, owner, tcp.connect, "127.0.0.1", port)
    end)
    helper.let_run()
    owner:shutdown_all()
    local input, err = helper.join(trying)
    assert.is_nil(input)
    assert.equal("custodian", err.code)
    release()
  end)

  it("opens nothing under a dead custodian", function()
    local listener, port = helper.listener()
    local owner = quayside.custodian.new()
    owner:shutdown_all()
    assert.equal("custodian",
                 network_error(owner.with, owner, tcp.connect, "127.0.0.1",
                               port).code)
    assert.is_false(tcp.accept_ready(listener))
    tcp.close(listener)
  end)
end)

describe("tcp.connect_evt", function()
  helper.check_leaks()

  it("gives the two ports", function()
    local listener, port = helper.listener()
    local a, b = quayside.sync(tcp.connect_evt("127.0.0.1", port))
    assert.is_true(quayside.port.is_input(a))
    assert.is_true(quayside.port.is_output(b))
    helper.close(a, b, tcp.accept(listener))
    tcp.close(listener)
  end)

  it("raises the error of an attempt that fails", function()
    local event = tcp.connect_evt("127.0.0.1", helper.free_port())
    for _ = 1, 2 do
      local err = network_error(quayside.sync, event)
      assert.equal("ECONNREFUSED", err.code)
      assert.equal(1, #err.attempts)
    end
  end)

  it("cancels the attempt if it is not chosen", function()
    local _, port, release = full_listener()
    local before = helper.descriptors()
    local event = tcp.connect_evt("127.0.0.1", port)
    assert.is_nil(quayside.sync_timeout(0.01, event))
    assert.equal(before, helper.descriptors())
    release()
  end)

  it("refuses wrong arguments when it is made", function()
    argument_error(tcp.connect_evt, "127.0.0.1", 0)
    argument_error(tcp.connect_evt, "127.0.0.1", 80, "127.0.0.1")
    argument_error(tcp.connect_evt)
  end)
end)
