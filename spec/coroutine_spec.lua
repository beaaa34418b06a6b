local helper = require "helper"
local quayside = require "quayside"

local evt, thread, semaphore = quayside.evt, quayside.thread, quayside.semaphore
local spawn, co = quayside.spawn, quayside.coroutine

-- Calls f in the main thread and in a thread of its own; both must wait.
local function in_both(f)
  f()
  local t = spawn(f)
  local ok, err = t:wait()
  assert(ok, err)
end

-- Waits, as a read or a sync would, and returns its arguments.
local function wait(...)
  local sem = semaphore.new()
  spawn(sem.post, sem)
  sem:wait()
  return ...
end

describe("waiting", function()
  helper.check_leaks()

  it("is allowed inside pcall and xpcall", function()
    in_both(function()
      assert.same({true, 1, nil, 3}, {pcall(wait, 1, nil, 3)})
      local ok, err = pcall(function() wait() error "after" end)
      assert.is_false(ok)
      assert.is_truthy(err:find("after", 1, true))
      assert.same({false, "handled"}, {xpcall(function()
        wait()
        error "x"
      end, function() return "handled" end)})
    end)
  end)

  it("is allowed inside metamethods", function()
    local meta = {}
    for _, name in ipairs {"__add", "__index", "__eq", "__lt", "__concat",
                           "__call", "__len", "__unm"} do
      meta[name] = function() return wait(true) end
    end
    meta.__newindex = function(t, k, v) rawset(t, k, wait(v)) end
    in_both(function()
      local a, b = setmetatable({}, meta), setmetatable({}, meta)
      assert.is_true(a + b and a.x and a == b and a < b and a .. b and a()
                     and #a and -a)
      a.field = 5
      assert.equal(5, rawget(a, "field"))
    end)
  end)

  it("is allowed inside iterators and <close> handlers", function()
    in_both(function()
      local seen = {}
      local function upto(n, i) if i < n then return wait(i + 1) end end
      do
        local _ <close> = setmetatable({}, {__close = function()
          wait()
          seen[#seen + 1] = "closed"
        end})
        for i in upto, 3, 0 do seen[#seen + 1] = i end
      end
      assert.same({1, 2, 3, "closed"}, seen)
    end)
  end)

  it("inside a C call that cannot yield is a clear error in a thread",
     function()
    local function check(f)
      local t = spawn(pcall, f)
      local _, ok, err = t:wait()
      assert.is_false(ok)
      assert.is_truthy(tostring(err):find("C call that cannot yield", 1, true),
                       tostring(err))
    end
    check(function()
      table.sort({2, 1}, function() thread.sleep(0) return false end)
    end)
    check(function()
      string.gsub("x", "x", function() evt.sync(evt.after(0.01)) end)
    end)
    check(function()
      error(select(2, load(function() semaphore.new():wait() end)), 0)
    end)
  end)

  it("is possible there in the main thread, which runs the loop", function()
    local list = {3, 1, 2}
    table.sort(list, function(a, b) thread.sleep(0) return a < b end)
    assert.same({1, 2, 3}, list)
    assert.equal("<x>", (string.gsub("x", "x", function(s)
      return wait("<" .. s .. ">")
    end)))
  end)
end)

describe("waiting in a coroutine of another library", function()
  helper.check_leaks()

  local function check(f)
    local foreign = coroutine.create(f)
    local ok, err = coroutine.resume(foreign)
    assert.is_false(ok)
    assert.is_truthy(tostring(err):find("quayside.coroutine", 1, true),
                     tostring(err))
    assert.equal("dead", coroutine.status(foreign))
  end

  it("is an error that names the remedy, never a stray value", function()
    local input, output, far_in, far_out = helper.pair()
    local listener <close> = helper.listener()
    in_both(function()
      check(function() thread.sleep(0) end)
      check(function() thread.yield() end)
      check(function() input:read(1) end)
      check(function() listener:accept() end)
      check(function() evt.sync(input:read_evt(1), evt.after(1)) end)
      check(function() semaphore.new():wait() end)
      check(function() spawn(function() end):wait() end)
      check(function() quayside.tcp.connect("192.0.2.1", 9) end)
    end)
    helper.close(input, output, far_in, far_out)
  end)

  it("is an error even where coroutines of both makes are mixed", function()
    in_both(function()
      check(function()
        co.wrap(function() thread.sleep(0) end)()
      end)
      check(function()
        local inner = co.create(function() return thread.sleep(0) end)
        local ok, err = co.resume(inner)
        assert(not ok)
        error(err, 0)
      end)
      -- What need not wait works.
      local value = co.wrap(function()
        return coroutine.wrap(function()
          return evt.sync_timeout(0, evt.always) == evt.always
        end)()
      end)()
      assert.is_true(value)
    end)
  end)

  it("does no harm to one that resumes what waits", function()
    local inner
    local t = spawn(function()
      inner = co.create(function() wait() return "right" end)
      return co.resume(inner)
    end)
    thread.yield()
    if coroutine.status(inner) == "suspended" then
      local ok, err = co.resume(inner)
      assert.is_false(ok)
      assert.is_truthy(err:find("non-suspended", 1, true), err)
    end
    assert.same({true, true, "right"}, {t:wait()})
  end)
end)

describe("quayside.coroutine", function()
  helper.check_leaks()

  it("does what Lua's library does while nothing waits", function()
    in_both(function()
      local c = co.create(function(a, b)
        local x = co.yield(a + b)
        local y, z = co.yield(x, nil)
        return y, z, nil
      end)
      assert.equal("suspended", co.status(c))
      assert.same({true, 3}, {co.resume(c, 1, 2)})
      assert.same({true, "x", nil, n = 3}, table.pack(co.resume(c, "x")))
      assert.same({true, 1, 2, nil, n = 4}, table.pack(co.resume(c, 1, 2)))
      assert.equal("dead", co.status(c))
      assert.same({false, "cannot resume dead coroutine"}, {co.resume(c)})
      assert.is_false(pcall(co.create, 5))
      assert.is_false(pcall(co.resume, 5))
    end)
  end)

  it("tells who is running, normal, yieldable", function()
    in_both(function()
      local _, is_main = co.running()
      assert.is_true(is_main)
      assert.is_false(co.isyieldable())
      local outer
      outer = co.create(function()
        local me, main_inside = co.running()
        assert(me == outer and not main_inside and co.isyieldable())
        co.wrap(function()
          assert(co.status(outer) == "normal")
          local ok, err = co.resume(outer)
          assert(not ok and err:find("non-suspended", 1, true))
        end)()
        assert(co.status(outer) == "running")
      end)
      assert(co.resume(outer))
      assert.is_false(pcall(co.yield))
    end)
  end)

  it("closes coroutines, and their variables", function()
    in_both(function()
      local order = {}
      local c = co.create(function()
        local _ <close> = setmetatable({}, {__close = function()
          order[#order + 1] = "closed"
        end})
        co.yield()
      end)
      co.resume(c)
      assert.is_true(co.close(c))
      assert.same({"closed"}, order)
      assert.equal("dead", co.status(c))
      c = co.create(function() error "x" end)
      co.resume(c)
      local ok, err = co.close(c)
      assert.is_false(ok)
      assert.is_truthy(err:find("x", 1, true))
    end)
  end)

  it("passes errors through wrap with their place, objects as they are",
     function()
    in_both(function()
      local ok, err = pcall(co.wrap(function() error "oops" end))
      assert.is_false(ok)
      assert.is_truthy(err:find("coroutine_spec.lua:%d+: .*oops"), err)
      local object = {}
      ok, err = pcall(co.wrap(function() wait() error(object) end))
      assert.is_false(ok)
      assert.equal(object, err)
    end)
  end)

  it("makes generators that read a port inside a for loop", function()
    in_both(function()
      local input, output, far_in, far = helper.pair()
      local turns, is_over = 0, false
      local function words()
        return co.wrap(function()
          for line in input:lines() do
            for word in line:gmatch "%a+" do co.yield(word) end
          end
        end)
      end
      spawn(function()
        for i = 1, 20 do
          far:write("one two\n", i % 2 == 0 and "three\n" or "\n"):flush()
          thread.yield()
        end
        far:close()
      end)
      local other = spawn(function()
        while not is_over do turns = turns + 1 thread.yield() end
      end)
      local count = {}
      for word in words() do count[word] = (count[word] or 0) + 1 end
      is_over = true
      other:wait()
      assert.same({one = 20, two = 20, three = 10}, count)
      assert.is_true(turns > 1)
      helper.close(input, output, far_in)
    end)
  end)

  it("waits in generators inside generators, as deep as one likes",
     function()
    in_both(function()
      local function count(depth, n)
        return co.wrap(function()
          if depth == 0 then
            for i = 1, n do wait() co.yield(i) end
            return
          end
          for i in count(depth - 1, n) do
            wait()
            co.yield(i)
          end
        end)
      end
      local sum = 0
      for i in count(12, 5) do sum = sum + wait(i) end
      assert.equal(15, sum)
    end)
  end)

  it("lets many generators wait at once, each in its own thread", function()
    local sums, threads = {}, {}
    for i = 1, 30 do
      threads[i] = spawn(function()
        local sum = 0
        for n in co.wrap(function()
          for n = 1, 10 do wait() co.yield(n * i) end
        end) do sum = sum + n end
        sums[i] = sum
      end)
    end
    for i, t in ipairs(threads) do
      assert(t:wait())
      assert.equal(55 * i, sums[i])
    end
  end)

  it("closes the innermost first when its thread is killed", function()
    local order = {}
    local function note(name)
      return setmetatable({}, {__close = function()
        order[#order + 1] = name
      end})
    end
    local inner_co
    local t = spawn(function()
      local _ <close> = note "thread"
      co.wrap(function()
        local _ <close> = note "outer"
        inner_co = co.create(function()
          local _ <close> = note "inner"
          thread.sleep(1e6)
        end)
        co.resume(inner_co)
      end)()
    end)
    thread.yield()
    t:kill()
    assert.same({"inner", "outer", "thread"}, order)
    assert.equal("dead", co.status(inner_co))
  end)

  it("takes a break to where the generator waits", function()
    local where
    local t = spawn(function()
      return co.wrap(function()
        local ok, err = pcall(thread.sleep, 1e6)
        where = not ok and err.kind
        co.yield "after"
      end)()
    end)
    thread.yield()
    t:send_break()
    assert.same({true, "after"}, {t:wait()})
    assert.equal("break", where)
  end)

  it("takes the place of the global one by install", function()
    local output, status = helper.run_script [[
      local quayside = require "quayside"
      local function numbers()
        for i = 1, 3 do quayside.sleep(0.001) coroutine.yield(i) end
      end
      local made_before = coroutine.create(numbers)
      print(pcall(coroutine.wrap(function() quayside.sleep(0) end)))
      quayside.coroutine.install()
      for i in coroutine.wrap(numbers) do print(i) end
      print(coroutine.resume(made_before))
      quayside.run(function()
        for i in coroutine.wrap(numbers) do print(i) end
      end)
      print(coroutine.isyieldable(), select(2, coroutine.running()))
    ]]
    assert.equal(0, status, output)
    assert.is_truthy(output:match "^false[^\n]*quayside.coroutine.install")
    assert.equal("1\n2\n3\ntrue\t1\n1\n2\n3\nfalse\ttrue\n",
                 output:match "^[^\n]*\n(.*)$")
  end)
end)
