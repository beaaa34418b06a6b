--- A sync of events that were all made in C goes another way (core.sync) than
-- one with others among them.  Both must mean the same.

local helper = require "helper"
local quayside = require "quayside"
local core = require "quayside.core"

local evt, thread, spawn = quayside.evt, quayside.thread, quayside.spawn

local opened = {}

local function pair()
  local a, b, c, d = helper.pair()
  opened[#opened + 1] = {a, b, c, d}
  return a, b, c, d
end

local function close_all()
  for _, ports in ipairs(opened) do
    for _, each in ipairs(ports) do pcall(each.close, each) end
  end
  opened = {}
end

-- One more event, never ready, that is not made in C.
local function plain(...) return ... end
local function mixed(...) return evt.never, ... end

for name, with in pairs {["events made in C"] = plain,
                         ["events of both kinds"] = mixed} do
  describe("sync of " .. name, function()
    after_each(close_all)
    helper.check_leaks()

    it("picks at random among the ready", function()
      local one, _, _, to_one = pair()
      local two, _, _, to_two = pair()
      to_one:write("a"):flush()
      to_two:write("b"):flush()
      evt.sync(one)
      evt.sync(two)
      local seen = {}
      for _ = 1, 200 do
        local winner = evt.sync(with(one:peek_evt(1), two:peek_evt(1)))
        seen[winner] = (seen[winner] or 0) + 1
      end
      assert.is_true(seen.a > 50 and seen.b > 50)
    end)

    it("hears of one that another, always ready, would drown", function()
      local input, _, _, far = pair()
      assert.is_nil(evt.sync_timeout(0, with(input:read_some_evt())))
      far:write("x"):flush()
      local count = 0
      repeat
        count = count + 1
        assert(count < 1000, "the bytes were never seen")
      until evt.sync(with(evt.after(0), input:read_some_evt())) == "x"
    end)

    it("registers nothing that stays, whether it wins or not", function()
      local input, _, _, far = pair()
      evt.sync_timeout(0.001, with(input:read_line_evt(), evt.after(60)))
      local before = core.counts()
      for i = 1, 20 do
        if i % 2 == 0 then far:write("line\n"):flush() end
        local line = evt.sync_timeout(0.01, with(input:read_line_evt(),
                                                 evt.after(60)))
        assert.equal(i % 2 == 0 and "line" or nil, line)
      end
      assert.same(before.timers, core.counts().timers)
      assert.same(before.ready, core.counts().ready)
    end)

    it("waits on when what stirred was not enough", function()
      local input, _, _, far = pair()
      local got
      local reader = spawn(function()
        got = evt.sync(with(input:read_line_evt(), evt.after(60)))
      end)
      for piece in ("never mind\n"):gmatch "." do
        far:write(piece):flush()
        quayside.sleep(0.0002)
      end
      assert(reader:wait())
      assert.equal("never mind", got)
    end)

    it("waits on, too, where it only looks", function()
      local input, _, _, far = pair()
      local got
      local reader = spawn(function()
        got = evt.sync(with(input:peek_evt(4), evt.after(3)))
      end)
      for piece in ("peek"):gmatch "." do
        far:write(piece):flush()
        quayside.sleep(0.0002)
      end
      assert(reader:wait())
      assert.equal("peek", got)
    end)

    it("gives the event of the shortest time", function()
      local long, short = evt.after(60), evt.after(0.001)
      assert.equal(short, evt.sync(with(long, short)))
      assert.is_nil(evt.sync_timeout(0.001, with(long)))
      local none = evt.after(0)
      assert.equal(none, evt.sync_timeout(0, with(long, none)))
    end)

    it("prefers what is ready to a time-out that has come, too", function()
      local input, _, _, far = pair()
      local got
      local reader = spawn(function()
        got = evt.sync_timeout(0.002, with(input:read_line_evt()))
      end)
      thread.yield()
      far:write("just in time\n"):flush()
      local start = os.clock()
      while os.clock() - start < 0.01 do end -- nobody looks at the loop
      assert(reader:wait())
      assert.equal("just in time", got)
    end)

    it("can be broken, and then nothing has been taken", function()
      local input, _, _, far = pair()
      local broken
      local reader = spawn(function()
        local ok, err = pcall(evt.sync_enable_break,
                              with(input:read_line_evt(), evt.after(60)))
        broken = not ok and err.kind
      end)
      thread.yield()
      reader:send_break()
      assert(reader:wait())
      assert.equal("break", broken)
      far:write("kept\n"):flush()
      assert.equal("kept", input:read_line())
      assert.equal(0, core.counts().timers)
    end)

    it("raises what a port raises, and leaves nothing registered", function()
      local input = pair()
      local code
      local reader = spawn(function()
        local _, err = pcall(evt.sync,
                             with(input:read_line_evt(), evt.after(60)))
        code = err.code
      end)
      thread.yield()
      input:close()
      assert(reader:wait())
      assert.equal("closed", code)
      assert.equal(0, core.counts().timers)
    end)

    it("leaves nothing registered by a thread that is killed", function()
      local input = pair()
      local reader = spawn(function()
        evt.sync(with(input:read_line_evt(), evt.after(60)))
      end)
      thread.yield()
      assert.equal(1, core.counts().timers)
      reader:kill()
      assert.equal(0, core.counts().timers)
    end)

    it("refuses to wait in a coroutine of unknown make", function()
      local input = pair()
      local wait = coroutine.wrap(function()
        evt.sync(with(input:read_line_evt(), evt.after(60)))
      end)
      local ok, message = pcall(wait)
      assert.is_false(ok)
      assert.is_truthy(message:find("quayside.coroutine", 1, true), message)
      assert.equal(0, core.counts().timers)
    end)

    it("lets several threads wait for one event", function()
      local input, _, _, far = pair()
      local line, lines = input:read_line_evt(), {}
      local readers = {}
      for i = 1, 3 do
        readers[i] = spawn(function()
          local got = evt.sync(with(line, evt.after(60)))
          lines[#lines + 1] = got
        end)
      end
      thread.yield()
      far:write("1\n2\n3\n"):flush()
      for _, reader in ipairs(readers) do assert(reader:wait()) end
      assert.same({"1", "2", "3"}, lines)
    end)

    it("lets others run though it never has to wait", function()
      local has_run = false
      spawn(function() has_run = true end)
      local count = 0
      while not has_run and count < 10000 do
        evt.sync(with(evt.after(0)))
        count = count + 1
      end
      assert.is_true(has_run)
    end)

    it("takes more events than it likes at once", function()
      local many = {}
      for i = 1, 200 do many[i] = evt.after(60 + i) end
      local soon = evt.after(0.001)
      many[100] = soon
      assert.equal(soon, evt.sync(with(table.unpack(many))))
      assert.equal(0, core.counts().timers)
    end)
  end)
end

describe("an event made in C", function()
  after_each(close_all)
  helper.check_leaks()

  it("can be chosen, wrapped and replaced like any other", function()
    local input, _, _, far = pair()
    far:write("one\ntwo\n"):flush()
    assert.equal("ONE", evt.sync(evt.wrap(input:read_line_evt(),
                                          string.upper)))
    assert.equal("two", evt.sync(evt.choice(evt.never,
                                            input:read_line_evt())))
    local late = evt.replace(evt.after(0.001), function() return evt.always end)
    assert.equal(evt.always, evt.sync(late))
  end)

  it("is told from other userdata", function()
    assert.is_true(evt.is_evt(evt.after(1)))
    assert.is_false(evt.is_evt(io.stdout))
    assert.has_error(function() evt.sync(io.stdout) end)
    assert.has_error(function() evt.sync(evt.after(1), io.stdout) end)
  end)
end)
