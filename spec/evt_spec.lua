local helper = require "helper"
local quayside = require "quayside"

local evt, thread, channel = quayside.evt, quayside.thread, quayside.channel
local semaphore, spawn = quayside.semaphore, quayside.spawn

local function fails_with(text, f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  assert.is_truthy(tostring(err):find(text, 1, true), tostring(err))
end

describe("is_evt", function()
  it("knows events, and everything that stands for one", function()
    assert.is_true(evt.is_evt(evt.always))
    assert.is_true(evt.is_evt(evt.choice()))
    assert.is_true(evt.is_evt(channel.new()))
    assert.is_true(evt.is_evt(semaphore.new()))
    assert.is_true(evt.is_evt(thread.current()))
    assert.is_true(evt.is_evt(quayside.custodian.current()))
    assert.is_true(evt.is_evt(setmetatable({}, {__evt = evt.never})))
  end)

  it("answers false for every other value and never raises", function()
    local locked = setmetatable({}, {__metatable = "locked"})
    for _, v in ipairs {1, "x", true, {}, print, io.stdout, locked} do
      assert.is_false(evt.is_evt(v))
    end
    assert.is_false(evt.is_evt(nil))
  end)

  it("takes a metatable's __evt for an event or a function of the object",
     function()
    local plain = setmetatable({}, {__evt = evt.wrap(evt.always, function()
      return "plain"
    end)})
    local made = setmetatable({name = "made"}, {__evt = function(self)
      return evt.wrap(evt.always, function() return self.name end)
    end})
    local chained = setmetatable({}, {__evt = function() return made end})
    assert.equal("plain", evt.sync(plain))
    assert.equal("made", evt.sync(made))
    assert.equal("made", evt.sync(evt.choice(evt.never, chained)))
  end)

  it("refuses an __evt that leads to no event", function()
    local nothing = setmetatable({}, {__evt = function() return 5 end})
    local circle = setmetatable({}, {})
    getmetatable(circle).__evt = circle
    fails_with("event", evt.sync, nothing)
    fails_with("event", evt.sync, circle)
    fails_with("event", evt.sync_timeout, 0, evt.choice(nothing))
  end)
end)

describe("sync", function()
  helper.check_leaks()

  it("refuses what is no event, and says which argument", function()
    fails_with("bad argument #1 to 'sync' (event expected, got number)",
               evt.sync, 5)
    fails_with("bad argument #2 to 'sync'", evt.sync, evt.always, nil)
    fails_with("bad argument #2 to 'sync_timeout'", evt.sync_timeout, 0, {})
    fails_with("bad argument #1 to 'choice'", evt.choice, "x")
    fails_with("bad argument #1 to 'wrap'", evt.wrap, nil, print)
    fails_with("bad argument #2 to 'wrap'", evt.wrap, evt.always, 1)
    fails_with("bad argument #2 to 'handle'", evt.handle, evt.always)
    fails_with("bad argument #2 to 'replace'", evt.replace, evt.always)
    fails_with("bad argument #1 to 'guard'", evt.guard, evt.always)
    fails_with("bad argument #1 to 'nack_guard'", evt.nack_guard)
    fails_with("bad argument #1 to 'poll_guard'", evt.poll_guard, "f")
  end)

  it("refuses a time-out that is negative, not a number, or of another type",
     function()
    fails_with("must not be negative", evt.sync_timeout, -1, evt.always)
    fails_with("must not be negative", evt.sync_timeout, 0 / 0, evt.always)
    fails_with("bad argument #1 to 'sync_timeout'", evt.sync_timeout, "1",
               evt.always)
    fails_with("bad argument #1 to 'after'", evt.after, -1)
    fails_with("bad argument #1 to 'after'", evt.after, "1")
    fails_with("bad argument #1 to 'alarm'", evt.alarm, 0 / 0)
  end)

  it("blames the line that called it", function()
    local _, err = pcall(function() evt.sync(5) end)
    assert.is_truthy(err:find("evt_spec.lua:", 1, true), err)
  end)

  it("polls with 0, and gives nil, or the results of the function", function()
    assert.equal(0, select("#", (function() end)()))
    assert.is_nil(evt.sync_timeout(0, evt.never))
    assert.is_nil(evt.sync_timeout(0))
    assert.equal(evt.always, evt.sync_timeout(0, evt.always))
    assert.same({1, nil, 3, n = 3}, table.pack(
      evt.sync_timeout(function() return 1, nil, 3 end, evt.never)))
    assert.equal(evt.always, evt.sync_timeout(error, evt.always))
  end)

  it("gives nil when the time has come first", function()
    assert.is_nil(evt.sync_timeout(0.001, evt.never))
    assert.is_nil(evt.sync_timeout(0.001, evt.choice()))
    assert.is_nil(evt.sync_timeout(0.001, channel.new(), evt.after(1e9)))
  end)

  it("waits for ever with a time-out of nil or infinity", function()
    local sem = semaphore.new()
    spawn(function() sem:post() sem:post() end)
    assert.equal(sem, evt.sync_timeout(nil, sem))
    assert.equal(sem, evt.sync_timeout(math.huge, sem))
  end)

  it("gives always, after and alarm themselves as result", function()
    local soon, past = evt.after(0.001), evt.alarm(os.time() - 10)
    local at_once, far = evt.after(0), evt.alarm(math.huge)
    assert.equal(evt.always, evt.sync(evt.always))
    assert.equal(soon, evt.sync(soon))
    assert.equal(at_once, evt.sync_timeout(0, at_once))
    assert.equal(past, evt.sync_timeout(0, past))
    assert.equal(past, evt.sync(past))
    assert.is_nil(evt.sync_timeout(0, far, evt.after(math.huge)))
    assert.is_nil(evt.sync_timeout(0.001, far, evt.after(math.huge)))
  end)

  it("lets the earliest of several timers win", function()
    local early, late = evt.after(0.002), evt.after(20)
    assert.equal(early, evt.sync(late, early, evt.after(10)))
  end)

  it("begins to count the seconds of after when the sync begins", function()
    local event = evt.after(0.02)
    assert.equal(event, evt.sync(event))
    assert.is_nil(evt.sync_timeout(0.001, event))
  end)

  it("passes any number of results, nils included", function()
    for n = 0, 220, 11 do
      local values = {n = n}
      for i = 1, n do values[i] = i % 3 ~= 0 and i or nil end
      local event = evt.wrap(evt.always, function()
        return table.unpack(values, 1, n)
      end)
      assert.same(values, table.pack(evt.sync(evt.choice(event, evt.never))))
      event = evt.wrap(event, function(...) return ... end)
      event = evt.handle(event, function(...) return ... end)
      assert.same(values, table.pack(evt.sync(event)))
    end
  end)

  it("gives the results of an event that had to be waited for, too",
     function()
    local sem = semaphore.new()
    local event = evt.wrap(sem, function() return nil, 2, nil end)
    spawn(function() sem:post() end)
    assert.same({n = 3, [2] = 2}, table.pack(evt.sync(event)))
  end)

  it("lets others have their turn although it never has to wait", function()
    local has_run = false
    spawn(function() has_run = true end)
    for _ = 1, 1000 do evt.sync(evt.always) end
    assert.is_true(has_run)
    local dead = spawn(function() thread.yield() thread.yield() end)
    local count = 0
    while not dead:is_dead() and count < 10000 do
      evt.sync_timeout(0, evt.never)
      count = count + 1
    end
    assert.is_true(dead:is_dead())
  end)
end)

describe("choice", function()
  helper.check_leaks()

  it("of nothing is never ready", function()
    assert.is_nil(evt.sync_timeout(0, evt.choice()))
    assert.equal(evt.always, evt.sync(evt.choice(), evt.always))
  end)

  it("can be nested as deep as one likes", function()
    local event = evt.always
    for _ = 1, 2000 do event = evt.choice(evt.never, event) end
    assert.equal(evt.always, evt.sync(event))
  end)

  it("takes thousands of events", function()
    local list = {}
    for i = 1, 5000 do list[i] = evt.never end
    list[4711] = evt.always
    assert.equal(evt.always, evt.sync(table.unpack(list)))
    local sems = {}
    for i = 1, 3000 do sems[i] = semaphore.new() end
    spawn(function() sems[777]:post() end)
    assert.equal(sems[777], evt.sync(evt.choice(table.unpack(sems))))
  end)

  it("may hold the same event twice", function()
    local sem = semaphore.new(1)
    assert.equal(sem, evt.sync(sem, sem))
    assert.is_false(sem:try_wait())
    spawn(function() sem:post() end)
    assert.equal(sem, evt.sync(sem, sem))
    assert.is_false(sem:try_wait())
    sem:post()
    assert.is_true(sem:try_wait())
  end)
end)

describe("wrap and handle", function()
  helper.check_leaks()

  local function add(letter)
    return function(s) return (type(s) == "string" and s or "") .. letter end
  end

  it("work from the inside to the outside, whichever they are", function()
    local event = evt.wrap(evt.always, add "a")
    event = evt.wrap(evt.handle(evt.wrap(event, add "b"), add "c"), add "d")
    assert.equal("abcd", evt.sync(event))
    assert.equal("abcde", evt.sync(evt.handle(event, add "e")))
    assert.equal("abcdf", evt.sync(evt.choice(evt.wrap(event, add "f"))))
  end)

  it("are called only for the winner", function()
    local sem = semaphore.new()
    local event = evt.wrap(evt.never, error)
    spawn(function() sem:post() end)
    assert.equal("x", evt.sync(event, evt.wrap(sem, add "x"),
                               evt.handle(evt.after(50), error)))
  end)

  it("run in the thread that waits, after the choice", function()
    local ch, who = channel.new(), nil
    local t = spawn(function()
      return evt.sync(evt.wrap(ch, function(v)
        who = thread.current()
        thread.yield() -- a wrap may wait
        return v + 1
      end))
    end)
    thread.yield() -- now it waits
    ch:put(1)
    assert.is_nil(who)
    assert.same({true, 2}, {t:wait()})
    assert.is_true(t == who)
  end)

  it("run with breaks disabled in a wrap, and as they are in a handle",
     function()
    local enabled = thread.break_enabled
    local wrapped = evt.wrap(evt.always, function() return enabled() end)
    local handled = evt.handle(evt.always, function() return enabled() end)
    for _, on in ipairs {true, false} do
      local seen = {thread.with_break(on, function()
        local a, b = evt.sync(wrapped), evt.sync(handled)
        return a, b, enabled()
      end)}
      assert.same({false, on, on}, seen)
    end
    assert.is_true(enabled())
  end)

  it("leave breaks as they were after an error in a wrap", function()
    fails_with("oops", evt.sync, evt.wrap(evt.always, function()
      error "oops"
    end))
    assert.is_true(thread.break_enabled())
  end)

  it("keep a break that comes in a wrap until it is over", function()
    local order = {}
    local t = spawn(function()
      evt.sync(evt.wrap(evt.always, function()
        thread.current():send_break()
        thread.yield()
        order[1] = "wrapped"
      end))
      order[2] = pcall(thread.yield)
    end)
    t:wait()
    assert.same({"wrapped", false}, order)
  end)

  local function depth()
    local level = 1
    while debug.getinfo(level, "l") do level = level + 1 end
    return level
  end

  -- How deep the stack is after n rounds of `again(f)`, which calls f.
  local function depth_after(n, again)
    local function loop()
      n = n - 1
      if n == 0 then return depth() end
      return again(loop)
    end
    return loop()
  end

  it("call a handle in tail position: endless loops need no stack",
     function()
    local function again(f) return evt.sync(evt.handle(evt.always, f)) end
    assert.equal(depth_after(2, again), depth_after(1000, again))
    local t = spawn(function()
      return depth_after(2, again) == depth_after(1000, again)
    end)
    assert.same({true, true}, {t:wait()})
  end)

  it("call the function of a time-out in tail position, too", function()
    local function again(f) return evt.sync_timeout(f, evt.never) end
    assert.equal(depth_after(2, again), depth_after(1000, again))
  end)
end)

describe("guard", function()
  helper.check_leaks()

  it("is called once a sync, before anything is chosen", function()
    local count = 0
    local event = evt.guard(function()
      count = count + 1
      return evt.always
    end)
    for i = 1, 50 do
      evt.sync(evt.choice(evt.wrap(event, function() end), evt.never))
      assert.equal(i, count)
    end
    local sem = semaphore.new()
    local waiting = evt.guard(function() count = count + 1 return sem end)
    spawn(function() thread.yield() sem:post() end)
    evt.sync(waiting)
    assert.equal(51, count)
  end)

  it("is ready when its function returns no event, itself as result",
     function()
    local event = evt.guard(function() return 5 end)
    assert.equal(event, evt.sync(event))
    event = evt.nack_guard(function() end)
    assert.equal(event, evt.sync(event))
    event = evt.poll_guard(function() return {} end)
    assert.equal(event, evt.sync(event))
  end)

  it("may return another guard, a choice, or an object with __evt", function()
    local sem = semaphore.new(1)
    assert.equal(sem, evt.sync(evt.guard(function()
      return evt.guard(function() return evt.choice(evt.never, sem) end)
    end)))
  end)

  it("lets an error of its function out, and leaves nothing behind",
     function()
    local ch = channel.new()
    fails_with("guard failed", evt.sync, ch, evt.guard(function()
      error "guard failed"
    end))
    assert.is_nil(ch.getters.first)
  end)

  it("may sync in its function", function()
    local ch = channel.new()
    spawn(function() ch:put "inner" end)
    assert.equal("inner", evt.sync(ch, evt.guard(function()
      local v = ch:get()
      return evt.wrap(evt.always, function() return v end)
    end)))
  end)

  it("tells a poll_guard whether the sync only polls", function()
    local told
    local event = evt.poll_guard(function(is_poll)
      told = is_poll
      return evt.always
    end)
    evt.sync_timeout(0, event)
    assert.is_true(told)
    evt.sync_timeout(error, event)
    assert.is_true(told)
    evt.sync_timeout(1, event)
    assert.is_false(told)
    evt.sync(event)
    assert.is_false(told)
  end)
end)

describe("replace", function()
  helper.check_leaks()

  it("waits for the event that its function makes of the results", function()
    local ch, sem = channel.new(), semaphore.new()
    local event = evt.replace(ch, function(v)
      return evt.wrap(sem, function() return v end)
    end)
    spawn(function() ch:put "a" thread.yield() sem:post() end)
    assert.equal("a", evt.sync(event, evt.never))
  end)

  it("leaves the other events a chance", function()
    local sem = semaphore.new()
    spawn(function() thread.yield() sem:post() end)
    assert.equal(sem, evt.sync(sem, evt.replace(evt.always, function()
      return evt.never
    end)))
  end)

  it("takes wraps on both sides, and can be nested", function()
    local inner = evt.wrap(evt.always, function() return 1 end)
    local event = evt.replace(inner, function(n)
      return evt.replace(evt.always, function()
        return evt.wrap(evt.always, function() return n + 1 end)
      end)
    end)
    assert.equal(3, evt.sync(evt.wrap(event, function(n) return n + 1 end)))
  end)

  it("keeps the time-out of the whole sync", function()
    assert.is_nil(evt.sync_timeout(0.002, evt.replace(evt.always, function()
      return evt.never
    end)))
  end)

  it("refuses a function that returns no event", function()
    fails_with("no event", evt.sync, evt.replace(evt.always, function() end))
  end)
end)

describe("an event value", function()
  helper.check_leaks()

  it("can be synced by several threads at once, again and again", function()
    local ch, got, guards = channel.new(), {}, 0
    local event = evt.wrap(evt.guard(function()
      guards = guards + 1
      return evt.choice(ch, evt.never)
    end), function(v) return v end)
    local threads = {}
    for i = 1, 10 do
      threads[i] = spawn(function()
        for _ = 1, 20 do
          local v = evt.sync(event)
          got[#got + 1] = v
        end
      end)
    end
    for i = 1, 200 do ch:put(i) end
    for _, t in ipairs(threads) do assert.is_true(t:wait()) end
    table.sort(got)
    for i = 1, 200 do assert.equal(i, got[i]) end
    assert.equal(200, guards)
  end)
end)
