local helper = require "helper"
local quayside = require "quayside"

local evt, semaphore, thread = quayside.evt, quayside.semaphore, quayside.thread
local spawn, random = quayside.spawn, math.random

describe("a semaphore", function()
  helper.check_leaks()

  it("is known by is_semaphore, which never raises", function()
    assert.is_true(semaphore.is_semaphore(semaphore.new()))
    for _, v in ipairs {1, "x", {}, print, quayside.channel.new()} do
      assert.is_false(semaphore.is_semaphore(v))
    end
    assert.is_false(semaphore.is_semaphore(nil))
  end)

  it("starts at 0, or at a count that is not negative", function()
    assert.is_false(semaphore.new():try_wait())
    local sem = semaphore.new(2)
    assert.is_true(sem:try_wait())
    assert.is_true(sem:try_wait())
    assert.is_false(sem:try_wait())
    for _, bad in ipairs {-1, 1.5, "1", {}} do
      local ok, err = pcall(semaphore.new, bad)
      assert.is_false(ok)
      assert.is_truthy(err:find("bad argument #1 to 'new'", 1, true), err)
    end
  end)

  it("lets one go on for each post", function()
    local sem, gone = semaphore.new(), 0
    for _ = 1, 5 do spawn(function() sem:wait() gone = gone + 1 end) end
    for i = 1, 5 do
      thread.yield()
      assert.equal(i - 1, gone)
      sem:post()
      thread.yield()
      assert.equal(i, gone)
    end
    assert.is_false(sem:try_wait())
  end)

  it("is an event that decrements when it is chosen, and only then", function()
    local sem = semaphore.new(1)
    assert.equal(sem, evt.sync_timeout(0, sem))
    assert.is_nil(evt.sync_timeout(0, sem))
    sem:post()
    local chosen
    repeat
      chosen = evt.sync(sem, evt.always)
    until chosen ~= evt.always
    assert.is_false(sem:try_wait())
  end)

  it("is left as it is by its peek event, itself as result", function()
    local sem = semaphore.new()
    local peek = sem:peek_evt()
    assert.is_nil(evt.sync_timeout(0, peek))
    local threads = {}
    for i = 1, 3 do threads[i] = spawn(evt.sync, peek) end
    thread.yield()
    sem:post()
    for _, t in ipairs(threads) do
      local ok, result = t:wait()
      assert.is_true(ok)
      assert.equal(peek, result)
    end
    assert.equal(peek, evt.sync(peek))
    assert.is_true(sem:try_wait())
    assert.is_nil(evt.sync_timeout(0, peek))
  end)

  it("serves first come, first served, whoever withdraws", function()
    helper.with_seed(function()
      for _ = 1, helper.rounds(1000, 20) do
        local sem, order, expected, threads = semaphore.new(), {}, {}, {}
        for i = 1, 12 do
          threads[i] = spawn(pcall, function()
            if i % 2 == 0 then sem:wait() else
              evt.sync(sem, evt.after(1e6)) end
            order[#order + 1] = i
          end)
        end
        thread.yield()
        for i, t in ipairs(threads) do
          local fate = random(4)
          if fate == 1 then t:kill()
          elseif fate == 2 then t:send_break()
          else expected[#expected + 1] = i end
        end
        for _ = 1, #expected do sem:post() end
        for _, t in ipairs(threads) do t:wait() end
        assert.same(expected, order)
        assert.is_false(sem:try_wait())
      end
    end)
  end)

  -- One who is killed when it has been chosen cannot say so any more, but its
  -- nack stays shut.
  it("loses no post, whatever happens to those that wait", function()
    helper.with_seed(function()
      for _ = 1, helper.rounds(20000, 100) do
        local sem, nack, chosen = semaphore.new(), nil, false
        local event = evt.nack_guard(function(n)
          nack = n
          return evt.wrap(sem, function() chosen = true end)
        end)
        local t = spawn(pcall, evt.sync_timeout, random(0, 1) * 1e-6, event)
        if random(3) == 1 then thread.yield() end
        sem:post()
        local fate = random(3)
        if fate == 1 then t:kill() elseif fate == 2 then t:send_break() end
        t:wait()
        local is_lost = nack and evt.sync_timeout(0, nack) ~= nack
        assert(not chosen or is_lost)
        assert(chosen or fate == 1 or not is_lost)
        assert.equal(not is_lost, sem:try_wait())
        assert.is_false(sem:try_wait())
      end
    end)
  end)
end)
