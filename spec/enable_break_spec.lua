local helper = require "helper"
local quayside = require "quayside"

local evt, tcp, thread = quayside.evt, quayside.tcp, quayside.thread
local is_break = quayside.error.is_break
local spawn, random = quayside.spawn, math.random

describe("accept_enable_break", function()
  helper.check_leaks(60)

  it("gives ports or a break, never both, never neither", function()
    local listener <close>, port = helper.listener(16)
    local ports, breaks = 0, 0
    local function once(accept)
      local input, output, err, client, was_alive
      local t = spawn(pcall, thread.with_break, false, function()
        for _ = 1, random(0, 3) do thread.yield() end
        local ok, a, b = pcall(accept)
        if ok then input, output = a, b else err = a end
      end)
      local steps = {
        function() was_alive = not t:is_dead() t:send_break() end,
        function() client = {tcp.connect("127.0.0.1", port)} end,
      }
      local first = random(2)
      for _ = 1, random(0, 5) do thread.yield() end
      steps[first]()
      for _ = 1, random(0, 5) do thread.yield() end
      steps[3 - first]()
      -- One that has been kept is raised at the end of with_break.
      local _, ok = t:wait()
      if input then
        ports = ports + 1
        assert(not err and output and ok == not was_alive)
      else
        breaks = breaks + 1
        assert(is_break(err) and ok, tostring(err))
        input, output = tcp.accept(listener)
      end
      client[2]:write "x":flush()
      assert.equal("x", input:read(1))
      helper.close(input, output, client[1], client[2])
    end
    helper.with_seed(function()
      local event = listener:accept_evt()
      for i = 1, helper.rounds(8000, 100) do
        if i % 2 == 0 then
          once(function() return tcp.accept_enable_break(listener) end)
        else
          once(function() return evt.sync_enable_break(event) end)
        end
      end
    end)
    assert(ports > 0 and breaks > 0)
  end)
end)

describe("connect_enable_break", function()
  helper.check_leaks(60)

  it("gives ports or a break, never both, never neither", function()
    local listener <close>, port = helper.listener(16)
    local ports, breaks = 0, 0
    local function once(connect, host)
      local input, output, err
      local t = spawn(pcall, thread.with_break, false, function()
        local ok, a, b = pcall(connect, host, port)
        if ok then input, output = a, b else err = a end
      end)
      for _ = 1, random(0, 4) do thread.yield() end
      if host == "localhost" then quayside.sleep(random(0, 4) * 1e-4) end
      t:send_break()
      t:wait()
      if input then
        ports = ports + 1
        assert(not err and output)
        helper.close(input, output)
      else
        breaks = breaks + 1
        assert(is_break(err), tostring(err))
      end
      -- What is with the kernel already is closed: end of file at once.
      while tcp.accept_ready(listener) do
        local a, b = tcp.accept(listener)
        assert.is_nil(a:read(1))
        helper.close(a, b)
      end
    end
    local function sync(...)
      return evt.sync_enable_break(tcp.connect_evt(...))
    end
    helper.with_seed(function()
      for i = 1, helper.rounds(6000, 100) do
        once(i % 2 == 0 and tcp.connect_enable_break or sync,
             i % 8 < 2 and "localhost" or "127.0.0.1")
      end
    end)
    assert(ports > 0 and breaks > 0)
  end)
end)
