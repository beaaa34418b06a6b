local helper = require "helper"
local quayside = require "quayside"

local channel, evt, thread = quayside.channel, quayside.evt, quayside.thread
local spawn, random = quayside.spawn, math.random

local function fails_with(text, f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  assert.is_truthy(tostring(err):find(text, 1, true), tostring(err))
end

-- Withdraws a waiting thread in one of the ways there are.
local function withdraw(t)
  if random(2) == 1 then t:kill() else t:send_break() end
end

describe("a channel", function()
  helper.check_leaks()

  it("is known by is_channel, which never raises", function()
    assert.is_true(channel.is_channel(channel.new()))
    for _, v in ipairs {1, "x", {}, print, thread.current()} do
      assert.is_false(channel.is_channel(v))
    end
    assert.is_false(channel.is_channel(nil))
  end)

  it("hands a value over when both sides are there", function()
    local ch, order = channel.new(), {}
    local t = spawn(function()
      ch:put "a"
      order[#order + 1] = "put"
    end)
    thread.yield()
    thread.yield()
    assert.same({}, order)
    assert.equal("a", ch:get())
    t:wait()
    assert.same({"put"}, order)
  end)

  it("passes false, tables and functions as they are, but no nil", function()
    local ch, t = channel.new(), {}
    spawn(function() ch:put(false) ch:put(t) ch:put(print) end)
    assert.is_false(ch:get())
    assert.equal(t, ch:get())
    assert.equal(print, ch:get())
    fails_with("bad argument #1 to 'put'", ch.put, ch, nil)
    fails_with("bad argument #1 to 'put_evt'", ch.put_evt, ch)
  end)

  it("gives what is there at once to try_get, else nil", function()
    local ch = channel.new()
    assert.is_nil(ch:try_get())
    spawn(ch.put, ch, 1)
    assert.is_nil(ch:try_get()) -- the putter has not begun
    thread.yield()
    assert.equal(1, ch:try_get())
    assert.is_nil(ch:try_get())
  end)

  it("gives a put event itself as result", function()
    local ch = channel.new()
    local event = ch:put_evt(1)
    assert.is_nil(evt.sync_timeout(0, event))
    spawn(function() ch:get() end)
    assert.equal(event, evt.sync(event)) -- the getter comes later
    spawn(function() ch:get() end)
    thread.yield()
    assert.equal(event, evt.sync_timeout(0, event)) -- it is there
  end)

  it("lets main and threads in every role meet", function()
    local ch = channel.new()
    local t = spawn(function() return ch:get(), ch:get() end)
    ch:put(1)
    ch:put(2)
    assert.same({true, 1, 2}, {t:wait()})
  end)

  it("serves getters first come, first served, whoever withdraws", function()
    helper.with_seed(function()
      for _ = 1, helper.rounds(1000, 20) do
        local ch, got, expected, threads = channel.new(), {}, {}, {}
        for i = 1, 12 do
          threads[i] = spawn(pcall, function()
            local v = evt.sync(evt.choice(ch, evt.never), evt.after(1e6))
            got[v] = i
          end)
        end
        thread.yield()
        for i, t in ipairs(threads) do
          if random(3) == 1 then withdraw(t) else expected[#expected + 1] = i
          end
        end
        for n = 1, #expected do ch:put(n) end
        for _, t in ipairs(threads) do t:wait() end
        assert.same(expected, got)
      end
    end)
  end)

  it("serves putters first come, first served, whoever withdraws", function()
    helper.with_seed(function()
      for _ = 1, helper.rounds(1000, 20) do
        local ch, got, expected, threads = channel.new(), {}, {}, {}
        for i = 1, 12 do
          threads[i] = spawn(pcall, function()
            if i % 2 == 0 then return ch:put(i) end
            evt.sync(ch:put_evt(i), evt.after(1e6))
          end)
        end
        thread.yield()
        for i, t in ipairs(threads) do
          if random(3) == 1 then withdraw(t) else expected[#expected + 1] = i
          end
        end
        for n = 1, #expected do got[n] = ch:get() end
        for _, t in ipairs(threads) do t:wait() end
        assert.same(expected, got)
        assert.is_nil(ch:try_get())
      end
    end)
  end)
end)

describe("two events of one sync", function()
  helper.check_leaks()

  it("never meet each other", function()
    local ch = channel.new()
    local both = evt.choice(ch, ch:put_evt(1))
    assert.is_nil(evt.sync_timeout(0, both))
    assert.is_nil(evt.sync_timeout(0.002, both))
    assert.is_nil(evt.sync_timeout(0.002, ch:put_evt(1), both, ch))
    local t = spawn(evt.sync, both)
    thread.yield()
    assert.is_false(t:is_dead())
    t:kill()
    assert.is_nil(ch.getters.first or ch.putters.first)
  end)

  it("meet those of others: every value that is put is got once, by another",
     function()
    helper.with_seed(function()
      local ch = channel.new()
      local puts, gets, n = {}, {}, 0
      local function exchange(name)
        for _ = 1, helper.rounds(400, 20) do
          n = n + 1
          local id = n
          local event = evt.choice(
            evt.wrap(ch, function(v)
              assert(v.from ~= name, "met itself")
              gets[v.id] = (gets[v.id] or 0) + 1
            end),
            evt.wrap(ch:put_evt {id = id, from = name}, function()
              puts[id] = 1
            end))
          evt.sync_timeout(random(0, 2) * 1e-4, event)
          if random(3) == 1 then thread.yield() end
        end
      end
      local threads = {}
      for name = 1, 8 do threads[name] = spawn(exchange, name) end
      for _, t in ipairs(threads) do assert(t:wait()) end
      assert.same(puts, gets)
      assert(helper.rounds(1) < 1 or next(puts))
    end)
  end)
end)

describe("a thread that waits for a channel only", function()
  helper.check_leaks()

  it("is collected with it when nobody else can reach the channel", function()
    local seen = setmetatable({}, {__mode = "k"})
    do
      local ch = channel.new()
      local t = spawn(function() ch:get() end)
      seen[t], seen[ch] = true, true
      thread.yield()
    end
    helper.settle()
    assert.is_nil(next(seen))
  end)

  it("stays when somebody can", function()
    local ch, got = channel.new(), nil
    spawn(function() got = ch:get() end)
    thread.yield()
    helper.settle()
    ch:put(5)
    thread.yield()
    assert.equal(5, got)
  end)
end)
