local helper = require "helper"
local quayside = require "quayside"

local custodian, evt, tcp = quayside.custodian, quayside.evt, quayside.tcp
local thread, spawn = quayside.thread, quayside.spawn

local function rejects(code, f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  assert.equal(code, type(err) == "table" and err.code or err)
end

local function includes(list, v)
  for _, each in ipairs(list) do
    if each == v then return true end
  end
  return false
end

describe("a custodian", function()
  helper.check_leaks()

  it("is known by is_custodian, which never raises", function()
    assert.is_true(custodian.is_custodian(custodian.new()))
    for _, v in ipairs {1, "x", {}, print, thread.current()} do
      assert.is_false(custodian.is_custodian(v))
    end
    assert.is_false(custodian.is_custodian(nil))
  end)

  it("is the current one inside with, for the threads made there, too",
     function()
    local outer, c <close> = custodian.current(), custodian.new()
    local inside, after, inherited
    local results = {c:with(function(...)
      inside = custodian.current()
      local t = spawn(function() inherited = custodian.current() end)
      t:wait()
      return ...
    end, 1, nil, 3)}
    after = custodian.current()
    assert.is_true(inside == c and inherited == c and after == outer)
    assert.same({1, nil, 3}, results)
    local _, traceback = xpcall(c.with, debug.traceback, c, function()
      local function failing_part() error "raised" end
      failing_part()
    end)
    assert.is_truthy(traceback:find("failing_part", 1, true), traceback)
    assert.is_true(custodian.current() == outer)
    assert.is_false(pcall(c.with, c, 5))
  end)

  it("closes what was opened under it, and nothing else", function()
    local c = custodian.new()
    local outside, outside_port = helper.listener()
    local inside, port = c:with(helper.listener)
    local input, output = tcp.connect("127.0.0.1", port)
    local far_in, far_out = c:with(tcp.accept, inside)
    local t = c:with(spawn, thread.sleep, 1e6)
    thread.yield()
    c:shutdown_all()
    assert.is_true(c:is_shut_down())
    assert.is_true(inside:is_closed() and far_in:is_closed()
                   and far_out:is_closed() and t:is_dead())
    assert.is_false(outside:is_closed() or input:is_closed())
    assert.is_nil(input:read(1))
    helper.close(input, output)
    input, output = tcp.connect("127.0.0.1", outside_port)
    helper.close(input, output, outside)
    c:shutdown_all() -- again: no effect
  end)

  it("drops what was not flushed: the peer gets the end of file", function()
    local c = custodian.new()
    local listener <close>, port = helper.listener()
    local input, output = tcp.connect("127.0.0.1", port)
    local _, far_out = c:with(tcp.accept, listener)
    far_out:write "lost"
    c:shutdown_all()
    assert.is_nil(input:read(1))
    helper.close(input, output)
  end)

  it("wakes everybody who waits for what it closes with the closed error",
     function()
    local c = custodian.new()
    local listener = c:with(helper.listener)
    local a, b, client_in, client_out = helper.pair()
    helper.close(a, b, client_in, client_out)
    local far_listener <close>, port = helper.listener()
    local input, output = c:with(tcp.connect, "127.0.0.1", port)
    local far_in, far_out = tcp.accept(far_listener)
    local waiters = {}
    local function waits(...)
      waiters[#waiters + 1] = spawn(pcall, ...)
    end
    waits(input.read, input, 1)
    waits(input.read_line, input)
    waits(input.peek, input, 1)
    waits(evt.sync, input:read_evt(1))
    waits(output.write, output, ("x"):rep(2e7))
    waits(output.flush, output)
    waits(evt.sync, output:write_evt "x")
    waits(tcp.accept, listener)
    waits(evt.sync, listener:accept_evt())
    local closer = spawn(pcall, output.close, output)
    local by_port = spawn(evt.sync, input)
    local by_listener = spawn(evt.sync, listener)
    for _ = 1, 3 do thread.yield() end
    c:shutdown_all()
    for i, t in ipairs(waiters) do
      local _, ok, err = t:wait()
      assert.is_false(ok, i)
      assert.equal("closed", err.code, i)
    end
    assert.is_true(closer:wait())
    assert.is_true(select(2, by_port:wait()) == input)
    assert.is_true(select(2, by_listener:wait()) == listener)
    helper.close(far_in, far_out)
  end)

  it("ends attempts to connect that were begun under it", function()
    local c = custodian.new()
    local t = spawn(pcall, c.with, c, tcp.connect, "192.0.2.1", 9)
    thread.yield()
    c:shutdown_all()
    local _, ok, err = t:wait()
    assert.is_false(ok)
    assert.equal("custodian", err.code)
  end)

  it("lets nothing be opened once it is dead", function()
    local c, alive = custodian.new(), custodian.new()
    local listener <close>, port = helper.listener()
    c:shutdown_all()
    rejects("custodian", c.with, c, tcp.listen, 0)
    rejects("custodian", c.with, c, tcp.connect, "127.0.0.1", port)
    rejects("custodian", c.with, c, spawn, print)
    rejects("custodian", c.with, c, custodian.new)
    rejects("custodian", custodian.new, c)
    rejects("custodian", c.with, c, tcp.accept_evt, listener)
    local input, output = tcp.connect("127.0.0.1", port)
    rejects("custodian", c.with, c, tcp.accept, listener)
    assert.is_true(tcp.accept_ready(listener)) -- the client is still queued
    assert.is_true(c:with(function() return true end)) -- else it does no harm
    local a, b = tcp.accept(listener)
    helper.close(a, b, input, output)
    alive:shutdown_all()
  end)

  it("raises at once in a thread that waits to accept under it", function()
    local c = custodian.new()
    local listener <close>, port = helper.listener()
    local t = spawn(pcall, c.with, c, tcp.accept, listener)
    thread.yield()
    c:shutdown_all()
    assert.equal("custodian", select(3, t:wait()).code)
    local input, output = tcp.connect("127.0.0.1", port)
    local a, b = tcp.accept(listener)
    helper.close(a, b, input, output)
  end)

  it("is an event, ready when shut down, itself as result", function()
    local c = custodian.new()
    assert.is_nil(evt.sync_timeout(0, c))
    local t = spawn(evt.sync, c)
    thread.yield()
    c:shutdown_all()
    assert.is_true(select(2, t:wait()) == c)
    assert.is_true(evt.sync_timeout(0, c) == c)
  end)

  it("has boxes, emptied and ready when it is shut down", function()
    local c = custodian.new()
    local box = c:box "content"
    assert.equal("content", box:value())
    assert.is_nil(evt.sync_timeout(0, box))
    local t = spawn(evt.sync, box)
    thread.yield()
    c:shutdown_all()
    assert.is_nil(box:value())
    assert.equal(box, select(2, t:wait()))
    assert.equal(box, evt.sync_timeout(0, box))
    assert.is_nil(c:box(1):value())
  end)

  it("can be shut down by <close>", function()
    local c
    do
      local scoped <close> = custodian.new()
      c = scoped
    end
    assert.is_true(c:is_shut_down())
  end)

  it("can be shut down from a thread of its own, which ends there", function()
    local order, c = {}, custodian.new()
    local listener
    local t = c:with(spawn, function()
      local _ <close> = setmetatable({}, {__close = function()
        order[#order + 1] = "closed"
      end})
      listener = helper.listener()
      pcall(c.shutdown_all, c)
      order[#order + 1] = "not reached"
    end)
    assert.equal("kill", select(2, t:wait()).kind)
    assert.same({"closed"}, order)
    assert.is_true(listener:is_closed())
  end)

  it("can be shut down by the thread inside its with, which goes on",
     function()
    local c = custodian.new()
    assert.equal("goes on", c:with(function()
      c:shutdown_all()
      rejects("custodian", tcp.listen, 0)
      return "goes on"
    end))
  end)
end)

describe("a tree of custodians", function()
  helper.check_leaks()

  it("goes down from the leaves to the root", function()
    local order = {}
    local function add(name, parent)
      local c = custodian.new(parent)
      c:with(spawn, function()
        local _ <close> = setmetatable({}, {__close = function()
          order[#order + 1] = name
        end})
        thread.sleep(1e6)
      end)
      return c
    end
    local root = add "root"
    local left, right = add("left", root), add("right", root)
    local leaf = add("leaf", left)
    thread.yield()
    right:shutdown_all()
    assert.same({"right"}, order)
    assert.is_false(root:is_shut_down() or left:is_shut_down())
    root:shutdown_all()
    assert.same({"right", "leaf", "left", "root"}, order)
    assert.is_true(left:is_shut_down() and leaf:is_shut_down())
  end)

  it("may be a thousand deep, and goes down at once", function()
    local top = custodian.new()
    local at, threads = top, {}
    local n = helper.rounds(1000, 100)
    for i = 1, n do
      at = custodian.new(at)
      threads[i] = at:with(spawn, thread.sleep, 1e6)
    end
    thread.yield()
    local watcher = spawn(evt.sync, at)
    thread.yield()
    top:shutdown_all()
    assert.is_true(at:is_shut_down() and watcher:wait())
    for i = 1, n do assert.is_true(threads[i]:is_dead()) end
  end)

  it("may be nested a thousand deep by with", function()
    local function nest(n)
      if n == 0 then return custodian.current() end
      return (custodian.new():with(nest, n - 1))
    end
    local outer = custodian.current()
    assert.is_true(custodian.is_custodian(nest(1000)))
    assert.is_true(custodian.current() == outer)
    local t = spawn(nest, 1000)
    assert.is_true(t:wait())
  end)

  it("keeps the order of shutdown when a member shuts down another",
     function()
    local a, b = custodian.new(), custodian.new()
    local order = {}
    local function add(c, name, other)
      c:with(spawn, function()
        local _ <close> = setmetatable({}, {__close = function()
          other:shutdown_all()
          order[#order + 1] = name
        end})
        thread.sleep(1e6)
      end)
    end
    add(a, "a", b)
    add(b, "b", a)
    thread.yield()
    a:shutdown_all()
    assert.same({"b", "a"}, order)
  end)
end)

describe("the list of what a custodian manages", function()
  helper.check_leaks()

  it("holds its own listeners, ports, threads and sub-custodians", function()
    local c <close> = custodian.new()
    local listener, port = c:with(helper.listener)
    local input, output = c:with(tcp.connect, "127.0.0.1", port)
    local t = c:with(spawn, thread.sleep, 1e6)
    local child = custodian.new(c)
    local a, b = tcp.accept(listener)
    local list = c:managed()
    for _, v in ipairs {listener, input, output, t, child} do
      assert.is_true(includes(list, v), tostring(v))
    end
    assert.is_false(includes(list, a) or includes(list, b))
    assert.equal(5, #list)
    helper.close(input, output, listener, a, b)
    t:kill()
    child:shutdown_all()
    assert.same({}, c:managed())
  end)

  it("does not grow while connections come and go", function()
    local c <close> = custodian.new()
    local listener <close>, port = helper.listener()
    for _ = 1, helper.rounds(500, 20) do
      c:with(function()
        local input, output = tcp.connect("127.0.0.1", port)
        local a, b = tcp.accept(listener)
        spawn(function() end):wait()
        custodian.new():shutdown_all()
        helper.close(input, output, a, b)
      end)
    end
    assert.same({}, c:managed())
  end)
end)

describe("what nobody can reach any more", function()
  helper.check_leaks()

  it("is collected and closed, its custodian notwithstanding", function()
    local c <close> = custodian.new()
    local seen = setmetatable({}, {__mode = "k"})
    local _, port
    do
      local listener
      listener, port = c:with(helper.listener)
      local input, output = c:with(tcp.connect, "127.0.0.1", port)
      local a, b = c:with(tcp.accept, listener)
      local t = c:with(spawn, function() quayside.channel.new():get() end)
      thread.yield()
      for _, v in ipairs {listener, input, output, a, b, t} do
        seen[v] = true
      end
      assert.equal(6, #c:managed())
    end
    helper.settle()
    assert.is_nil(next(seen))
    assert.same({}, c:managed())
    assert.is_false(pcall(tcp.connect, "127.0.0.1", port))
    assert.is_nil(_)
  end)

  it("stays while something waits for it", function()
    local port
    local served
    do
      local listener
      listener, port = helper.listener()
      spawn(function()
        local a, b = tcp.accept(listener)
        served = a:read "l"
        helper.close(a, b, listener)
      end)
    end
    thread.yield()
    helper.settle()
    local input, output = tcp.connect("127.0.0.1", port)
    output:write "hello\n"
    helper.close(output)
    assert.is_nil(input:read(1))
    input:close()
    assert.equal("hello", served)
  end)
end)
