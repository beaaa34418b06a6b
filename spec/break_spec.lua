local helper = require "helper"
local quayside = require "quayside"

local evt, thread, tcp = quayside.evt, quayside.thread, quayside.tcp
local is_break = quayside.error.is_break
local spawn = quayside.spawn

describe("a break", function()
  helper.check_leaks()

  local function broken(f, ...)
    local t = spawn(pcall, f, ...)
    thread.yield()
    assert.is_false(t:is_dead())
    t:send_break()
    local _, ok, err = t:wait()
    assert.is_false(ok)
    assert.is_true(is_break(err))
    assert.equal("break", err.kind)
    return err
  end

  it("ends whatever a thread waits for", function()
    local listener <close> = helper.listener()
    local client_in, client_out, server_in, server_out = helper.pair()
    local ch, sem = quayside.channel.new(), quayside.semaphore.new()
    local sleeper = spawn(thread.sleep, 1e6)
    broken(thread.sleep, 1e6)
    broken(listener.accept, listener)
    broken(client_in.read, client_in, 1)
    broken(client_out.write, client_out, ("x"):rep(2e7))
    broken(ch.get, ch)
    broken(ch.put, ch, 1)
    broken(sem.wait, sem)
    broken(sleeper.wait, sleeper)
    broken(evt.sync)
    broken(evt.sync, evt.never)
    broken(tcp.connect, "192.0.2.1", 9)
    sleeper:kill()
    server_in:close()
    server_out:close()
    client_in:close()
    pcall(client_out.close, client_out)
  end)

  it("has a kind: break, hang-up or terminate; the strongest is told",
     function()
    local t = spawn(pcall, thread.sleep, 1e6)
    thread.yield()
    t:send_break "hang-up"
    assert.equal("hang-up", select(3, t:wait()).code)
    t = spawn(function() return pcall(thread.sleep, 1e6) end)
    t:send_break "terminate"
    t:send_break()
    assert.equal("terminate", select(3, t:wait()).code)
    assert.is_false(pcall(t.send_break, t, "nonsense"))
    assert.equal("break", broken(thread.sleep, 1e6).code)
  end)

  it("is kept for a thread that has not begun, or does not wait", function()
    local order = {}
    local t = spawn(function()
      order[1] = "begun"
      order[2] = pcall(thread.sleep, 0)
      order[3] = pcall(thread.sleep, 0)
    end)
    t:send_break()
    t:wait()
    assert.same({"begun", false, true}, order)
  end)

  it("has no effect on a dead thread", function()
    local t = spawn(function() return 1 end)
    t:wait()
    t:send_break()
    assert.same({true, 1}, {t:wait()})
  end)

  it("is kept while breaks are disabled, and comes when they are enabled",
     function()
    local order = {}
    local t = spawn(function()
      local ok, err = pcall(thread.with_break, false, function()
        quayside.sleep(0.002)
        order[#order + 1] = "undisturbed"
      end)
      order[#order + 1] = ok
      order[#order + 1] = is_break(err)
    end)
    thread.yield()
    t:send_break()
    t:wait()
    assert.same({"undisturbed", false, true}, order)
  end)

  it("is not let in by asking whether breaks are enabled", function()
    local t = spawn(function()
      thread.current():send_break()
      return "not reached"
    end)
    assert.is_false(t:wait())
    helper.take_errors()
    t = spawn(function()
      return thread.break_enabled(), pcall(thread.yield)
    end)
    t:send_break()
    local ok, enabled, went = t:wait()
    assert.is_true(ok)
    assert.is_true(enabled)
    assert.is_false(went)
  end)

  it("is let in by enabling breaks, inside a disabled region, too", function()
    local t = spawn(function()
      return thread.with_break(false, function()
        thread.yield()
        local reached = false
        local ok, err = pcall(thread.with_break, true, function()
          reached = true
        end)
        return ok, is_break(err), reached, thread.break_enabled()
      end)
    end)
    thread.yield()
    t:send_break()
    assert.same({true, false, true, false, false}, {t:wait()})
  end)

  it("finds breaks enabled or not as the spawner had them", function()
    local function enabled() return thread.break_enabled() end
    local t = thread.with_break(false, spawn, enabled)
    assert.same({true, false}, {t:wait()})
    assert.same({true, true}, {spawn(enabled):wait()})
  end)

  it("leaves what was read in the port", function()
    local input, output, far_in, far = helper.pair()
    local t = spawn(pcall, input.read, input, 10)
    far:write "abc":flush()
    quayside.sync(input)
    t:send_break()
    t:wait()
    far:write "defghij":flush()
    assert.equal("abcdefghij", input:read(10))
    helper.close(input, output, far_in, far)
  end)

  it("leaves no descriptor of a connect", function()
    for i = 1, helper.rounds(100, 5) do
      local t = spawn(pcall, tcp.connect,
                      i % 4 == 0 and "localhost" or "192.0.2.1", 9)
      for _ = 1, i % 3 do thread.yield() end
      t:send_break()
      t:wait()
    end
  end)

  it("runs the <close> variables on its way", function()
    local order = {}
    local t = spawn(pcall, function()
      local _ <close> = setmetatable({}, {__close = function(_, err)
        thread.yield() -- they may wait
        order[#order + 1] = is_break(err)
      end})
      thread.sleep(1e6)
    end)
    thread.yield()
    t:send_break()
    t:wait()
    assert.same({true}, order)
  end)
end)
