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
    fails_with("bad argument #1 to 'after'", function() evt.after(-1) end)
    fails_with("bad argument #1 to 'after'", function() evt.after("1") end)
    fails_with("bad argument #1 to 'alarm'", function() evt.alarm(0 / 0) end)
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
