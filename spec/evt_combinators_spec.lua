local helper = require "helper"
local quayside = require "quayside"

local evt, thread, channel = quayside.evt, quayside.thread, quayside.channel
local semaphore, spawn = quayside.semaphore, quayside.spawn

local function fails_with(text, f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  assert.is_truthy(tostring(err):find(text, 1, true), tostring(err))
end

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
