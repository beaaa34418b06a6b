-- What only quayside has, measured inside one process.
--
-- own.lua spawn|switch|channel|timers [count]
-- Prints CPU nanoseconds for one operation: the loop never sleeps here, and
-- CPU time is what a busy machine does not falsify.
local quayside = require "quayside"
local evt, thread = quayside.evt, quayside.thread

local count = math.tointeger(tonumber(arg[2] or 200000))

local function report(format, ...)
  print(("mode=%s count=%d "):format(arg[1], count) .. format:format(...))
end

-- CPU nanoseconds for one of `n` operations that f does.
local function ns_each(n, f)
  collectgarbage()
  local start = os.clock()
  f()
  return (os.clock() - start) * 1e9 / n
end

local function nothing() end

local own = {}

-- Spawn a thread, let it run to its end, and collect it: in batches, so that
-- the waiting for the last is shared.
function own.spawn()
  local BATCH = 100
  local ns = ns_each(count, function()
    for _ = 1, count // BATCH do
      local last
      for _ = 1, BATCH do last = quayside.spawn(nothing) end
      last:wait()
    end
  end)
  report("ns=%.0f", ns)
end

-- Two threads that yield to each other.
function own.switch()
  local function turn()
    for _ = 1, count // 2 do thread.yield() end
  end
  local ns = ns_each(count, function()
    local other = quayside.spawn(turn)
    turn()
    other:wait()
  end)
  report("ns=%.0f", ns)
end

-- A value from one thread to another, which waits for it.
function own.channel()
  local channel = quayside.channel.new()
  local function put_all()
    for i = 1, count do channel:put(i) end
  end
  local ns = ns_each(count, function()
    quayside.spawn(put_all)
    for i = 1, count do assert(channel:get() == i) end
  end)
  report("ns=%.0f", ns)
end

-- Call f(...) beside threads that sleep for an hour.
local function with_sleepers(n, f, ...)
  local custodian = quayside.custodian.new()
  custodian:with(function()
    for _ = 1, n do quayside.spawn(quayside.sleep, 3600) end
  end)
  thread.yield()
  local result = f(...)
  custodian:shutdown_all()
  return result
end

-- Call f(...) without the collector: what it has to mark, 100,000 threads,
-- would hide what the timers cost.
local function without_collector(f, ...)
  collectgarbage("stop")
  local result = f(...)
  collectgarbage("restart")
  return result
end

-- A thread waits for a semaphore, with or without a time-out beside it that
-- is set and withdrawn each round; the main thread posts.
local function wait_rounds(timeout)
  local semaphore = quayside.semaphore.new()
  local function wait_all()
    for _ = 1, count do
      if timeout then
        assert(quayside.sync(semaphore, evt.after(timeout)) == semaphore)
      else
        assert(quayside.sync(semaphore) == semaphore)
      end
    end
  end
  return ns_each(count, function()
    local waiter = quayside.spawn(wait_all)
    for _ = 1, count do
      thread.yield()
      semaphore:post()
    end
    assert(waiter:wait())
  end)
end

-- The price of a timer is what the time-out adds to the round.
function own.timers()
  local all = count
  count = all // 5 -- the garbage of these stays
  local plain = without_collector(wait_rounds, nil)
  local few = with_sleepers(100, without_collector, wait_rounds, 60)
  local many = with_sleepers(100000, without_collector, wait_rounds, 60)
  count = all
  local marked = with_sleepers(100000, wait_rounds, 60)
  report("ns_plain=%.0f ns_100=%.0f ns_100000=%.0f ns_marked=%.0f",
    plain, few, many, marked)
end

assert(own[arg[1]], "unknown case")()
