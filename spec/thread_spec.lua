local helper = require "helper"
local quayside = require "quayside"

local evt, thread, semaphore = quayside.evt, quayside.thread, quayside.semaphore
local spawn = quayside.spawn

local function fails_with(text, f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  assert.is_truthy(tostring(err):find(text, 1, true), tostring(err))
end

-- A value to be closed that calls f.
local function closing(f)
  return setmetatable({}, {__close = f})
end

describe("spawn", function()
  helper.check_leaks()

  it("starts a thread when the spawner next waits, in order", function()
    local order = {}
    for i = 1, 3 do spawn(function() order[#order + 1] = i end) end
    assert.same({}, order)
    thread.yield()
    assert.same({1, 2, 3}, order)
  end)

  it("passes arguments and results, nils included", function()
    local t = spawn(function(...) return select("#", ...), ... end,
                    1, nil, "x", nil)
    assert.same({true, 4, 1, nil, "x", nil, n = 6}, table.pack(t:wait()))
    assert.same({true, n = 1}, table.pack(spawn(function() end):wait()))
    local many = table.pack(spawn(table.unpack, {}, 1, 240):wait())
    assert.equal(241, many.n)
  end)

  it("refuses what is no function", function()
    fails_with("bad argument #1 to", spawn, 5)
    fails_with("function expected", spawn)
  end)

  it("makes ten thousand of them", function()
    local count, threads = 0, {}
    local n = helper.rounds(10000, 500)
    for i = 1, n do
      threads[i] = spawn(function()
        thread.yield()
        count = count + 1
      end)
    end
    for _, t in ipairs(threads) do t:wait() end
    assert.equal(n, count)
  end)

  it("gives everybody a turn, also beside one that never waits", function()
    local client_in, client_out, server_in, server_out = helper.pair()
    local turns, is_done = 0, false
    local busy = spawn(function()
      for _ = 1, 2000 do client_out:write "x" end
      is_done = true
    end)
    spawn(function()
      while not is_done do turns = turns + 1 thread.yield() end
    end)
    busy:wait()
    assert.is_true(turns > 5)
    helper.close(client_in, client_out, server_in, server_out)
  end)
end)

describe("a thread", function()
  helper.check_leaks()

  it("is known by is_thread, which never raises", function()
    assert.is_true(thread.is_thread(thread.current()))
    for _, v in ipairs {1, "x", {}, print, coroutine.create(print)} do
      assert.is_false(thread.is_thread(v))
    end
    assert.is_false(thread.is_thread(nil))
  end)

  it("is the current one while it runs", function()
    local inside
    local t = spawn(function() inside = thread.current() end)
    assert.is_false(t == thread.current())
    t:wait()
    assert.is_true(inside == t)
  end)

  it("tells its end to all who wait, as often as they ask", function()
    local t = spawn(function() thread.yield() return "done" end)
    local waiters = {}
    for i = 1, 5 do
      waiters[i] = spawn(function() return select(2, t:wait()) end)
    end
    for _, w in ipairs(waiters) do assert.same({true, "done"}, {w:wait()}) end
    assert.same({true, "done"}, {t:wait()})
    assert.is_true(t:is_dead())
  end)

  it("gives false and its error to who waits", function()
    local object = {}
    local t = spawn(function() error(object) end)
    local ok, err = t:wait()
    assert.is_false(ok)
    assert.equal(object, err)
    t = spawn(function() error() end)
    assert.same({false, nil, n = 2}, table.pack(t:wait()))
  end)

  it("is an event, ready when it is dead, itself as result", function()
    local t = spawn(thread.sleep, 0.002)
    assert.is_nil(evt.sync_timeout(0, t))
    assert.is_true(evt.sync(t, evt.never) == t)
    assert.is_true(evt.sync_timeout(0, t) == t)
    assert.is_true(evt.sync(t) == t)
  end)

  it("cannot wait for itself, nor for the main thread", function()
    fails_with("cannot wait for itself", thread.wait, thread.current())
    local main = thread.current()
    local t = spawn(function()
      fails_with("cannot wait for itself", thread.wait, thread.current())
      fails_with("main thread", main.wait, main)
      return "checked"
    end)
    assert.same({true, "checked"}, {t:wait()})
  end)

  it("that yields outside any coroutine ends with a clear error", function()
    local t = spawn(coroutine.yield, 1)
    local ok, err = t:wait()
    assert.is_false(ok)
    assert.is_truthy(err:find("yield from outside a coroutine", 1, true), err)
  end)

  it("sleeps, but not for a negative time", function()
    local order = {}
    local function sleeper(seconds)
      return spawn(function()
        quayside.sleep(seconds)
        order[#order + 1] = seconds
      end)
    end
    local threads = {sleeper(0.03), sleeper(0.015), sleeper(0)}
    for _, t in ipairs(threads) do t:wait() end
    assert.same({0, 0.015, 0.03}, order)
    fails_with("must not be negative", quayside.sleep, -1)
    fails_with("must not be negative", quayside.sleep, 0 / 0)
    fails_with("number expected", quayside.sleep, {})
  end)
end)

describe("kill", function()
  helper.check_leaks()

  it("ends a thread at once; who waits gets an error of kind kill", function()
    local t = spawn(thread.sleep, 1e6)
    thread.yield()
    t:kill()
    assert.is_true(t:is_dead())
    local ok, err = t:wait()
    assert.is_false(ok)
    assert.equal("kill", err.kind)
  end)

  it("has no effect on a dead thread", function()
    local t = spawn(function() return 1 end)
    t:wait()
    t:kill()
    t:kill()
    assert.same({true, 1}, {t:wait()})
    t:send_break()
  end)

  it("ends a thread that has not begun", function()
    local has_run = false
    local t = spawn(function() has_run = true end)
    t:kill()
    thread.yield()
    assert.is_false(has_run)
    assert.is_true(t:is_dead())
  end)

  it("is refused for the main thread", function()
    fails_with("main thread cannot be killed", thread.kill, thread.current())
  end)

  it("runs the pending <close> variables, the innermost first", function()
    local order = {}
    local function note(name)
      return closing(function(_, err)
        order[#order + 1] = name
        assert(err == nil)
      end)
    end
    local t = spawn(function()
      local _ <close> = note "outer"
      pcall(function()
        local _ <close> = note "middle"
        for _ in next, {1}, nil, note "loop" do
          local _ <close> = note "inner"
          thread.sleep(1e6)
        end
      end)
      order[#order + 1] = "not reached"
    end)
    thread.yield()
    t:kill()
    assert.same({"inner", "loop", "middle", "outer"}, order)
  end)

  it("ends a thread that kills itself, wherever it does", function()
    local order = {}
    local t = spawn(function()
      local _ <close> = closing(function() order[#order + 1] = "closed" end)
      pcall(function() thread.current():kill() end)
      order[#order + 1] = "not reached"
    end)
    local ok, err = t:wait()
    assert.is_false(ok)
    assert.equal("kill", err.kind)
    assert.same({"closed"}, order)
    -- Where it cannot yield it ends at its next wait at the latest.
    t = spawn(function()
      table.sort({2, 1}, function() thread.current():kill() return false end)
    end)
    ok, err = t:wait()
    assert.is_false(ok)
    assert.equal("kill", err.kind)
  end)

  it("may kill others from a <close> of one that is killed", function()
    local chain, n = {}, 50
    for i = n, 1, -1 do
      local after = chain[i + 1]
      chain[i] = spawn(function()
        local _ <close> = closing(function() if after then after:kill() end end)
        thread.sleep(1e6)
      end)
    end
    thread.yield()
    chain[1]:kill()
    for i = 1, n do assert.is_true(chain[i]:is_dead()) end
  end)

  it("survives errors and waits in a <close>: it cannot wait there",
     function()
    local refusal
    local t = spawn(function()
      local _ <close> = closing(function() error "in close" end)
      local _ <close> = closing(function()
        refusal = select(2, pcall(thread.sleep, 0))
      end)
      thread.sleep(1e6)
    end)
    thread.yield()
    t:kill()
    assert.equal("kill", select(2, t:wait()).kind)
    assert.is_truthy(refusal:find("being killed", 1, true), refusal)
  end)

  it("takes nothing that the thread waited for", function()
    local listener <close>, port = helper.listener()
    local t = spawn(listener.accept, listener)
    local sem, got = semaphore.new(), nil
    local waiter = spawn(function() sem:wait() got = true end)
    thread.yield()
    t:kill()
    waiter:kill()
    sem:post()
    assert.is_true(sem:try_wait())
    assert.is_nil(got)
    local input, output = quayside.tcp.connect("127.0.0.1", port)
    local a, b = listener:accept()
    helper.close(input, output, a, b)
  end)

  it("wakes who stood behind the one that is killed", function()
    local input, output, far_in, far = helper.pair()
    local second
    local function read_one() return input:read(1) end
    local first = spawn(function()
      read_one()
      second:kill() -- it has been woken for the next byte by now
    end)
    second = spawn(read_one)
    local third = spawn(read_one)
    thread.yield()
    far:write "xy":flush()
    first:wait()
    assert.same({true, "y"}, {third:wait()})
    helper.close(input, output, far_in, far)
  end)
end)

describe("the error of a thread nobody waits for", function()
  helper.check_leaks()

  it("reaches on_error with the thread, the error and a traceback",
     function()
    local seen
    local before = thread.on_error(function(...) seen = {...} end)
    local t = spawn(function()
      local function deep() error("oops", 0) end
      deep()
    end)
    thread.yield()
    thread.on_error(before)
    assert.is_true(seen[1] == t)
    assert.equal("oops", seen[2])
    assert.is_truthy(seen[3]:find("deep", 1, true), seen[3])
    assert.same({false, "oops"}, {t:wait()}) -- still there for who comes late
  end)

  it("reaches a handler that does as it likes, but cannot wait", function()
    local input, output, far_input, far_output = helper.pair()
    local log_input, log_output, logged, log = helper.pair()
    local failures = {}
    local before = thread.on_error(function(_, err)
      log:write(err):flush()
      assert.equal(err, log_input:read_some()) -- it is there already
      for i, wait in ipairs {
        function() log_input:read_line() end,
        thread.yield,
        function() evt.sync(evt.after(1)) end,
        function() evt.sync(evt.never) end,
        quayside.run,
      } do
        local ok, message = pcall(wait)
        failures[i] = not ok and message
      end
      log:close()
    end)
    spawn(error, "heard\rof", 0)
    spawn(function()
      quayside.sleep(0.01)
      far_output:write("the main thread\rgoes on\n"):flush()
    end)
    -- What it waits for is not what the handler does meanwhile.
    assert.equal("the main thread\rgoes on", input:read_line())
    thread.on_error(before)
    for i = 1, 5 do
      assert.is_truthy(tostring(failures[i]):find(
        i < 5 and "attempt to wait in a handler" or "by the main thread", 1,
        true), failures[i])
    end
    assert.is_nil(log_input:read_some())
    helper.close(input, output, far_input, far_output)
    helper.close(log_input, log_output, logged)
  end)

  it("does not reach it when somebody waits, or when it was killed",
     function()
    local t = spawn(error, "heard")
    local by_event = spawn(error, "heard too")
    local killed = spawn(thread.sleep, 1e6)
    local watcher = spawn(evt.sync, by_event)
    thread.yield()
    killed:kill()
    t:wait()
    watcher:wait()
    local unheard = helper.take_errors()
    -- The first two died before anybody could wait for them.
    for _, text in ipairs(unheard) do
      assert.is_truthy(text:find("heard", 1, true), text)
    end
    local slow = spawn(function() thread.yield() error "slow" end)
    slow:wait()
    assert.same({}, helper.take_errors())
  end)

  it("goes to standard error when there is no handler", function()
    local output = helper.run_script [[
      local quayside = require "quayside"
      quayside.spawn(function() error "lost thread" end)
      quayside.thread.yield()
      print "goes on"
    ]]
    assert.is_truthy(output:find("lost thread", 1, true), output)
    assert.is_truthy(output:find("traceback", 1, true), output)
    assert.is_truthy(output:find("goes on", 1, true), output)
  end)

  it("is refused a handler that is no function", function()
    fails_with("bad argument #1 to 'on_error'", thread.on_error, 5)
  end)
end)

describe("run", function()
  helper.check_leaks()

  it("runs a function as a thread, then all that are left", function()
    local output, status = helper.run_script [[
      local quayside = require "quayside"
      print(quayside.run(function(a)
        quayside.spawn(function() quayside.sleep(0.01) print "late" end)
        return a, 2
      end, 1))
      quayside.spawn(function() print "again" end)
      quayside.run()
      quayside.spawn(function() quayside.channel.new():get() end)
      quayside.run() -- nobody can ever wake it
      print(pcall(quayside.run, error, "raised"))
      print(pcall(quayside.run, 5))
    ]]
    assert.equal(0, status, output)
    assert.equal("late\n1\t2\nagain\nfalse\traised\n",
                 output:match "^(.-\n)false\t[^\n]*bad argument")
  end)

  it("is for the main thread only", function()
    local t = spawn(pcall, quayside.run)
    local _, ok, err = t:wait()
    assert.is_false(ok)
    assert.is_truthy(err:find("main thread", 1, true), err)
  end)
end)
