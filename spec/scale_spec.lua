-- Many connections.

local helper = require "helper"
local quayside = require "quayside"

local tcp, spawn = quayside.tcp, quayside.spawn

-- Both ends are in this process: two descriptors for each connection.
local function descriptor_limit()
  local handle = io.popen "ulimit -n"
  local limit = tonumber(handle:read("l")) or 1 / 0
  handle:close()
  return limit
end

describe("One script", function()
  helper.check_leaks(120)

  it("serves 1,000 connections at the same time", function()
    local count = helper.rounds(1000, 50)
    if descriptor_limit() >= 2 * count + 50 then
      local listener, port = helper.listener(count)
      spawn(function()
        for _ = 1, count do
          local input, output = tcp.accept(listener)
          spawn(function()
            for line in input:lines("L") do
              output:write(line)
              output:flush()
            end
            helper.close(input, output)
          end)
        end
      end)
      local clients = {}
      for i = 1, count do
        local input, output = tcp.connect("127.0.0.1", port)
        clients[i] = {input = input, output = output}
      end
      local served = 0
      for i, one in ipairs(clients) do
        spawn(function()
          for round = 1, 3 do
            one.output:write(i, " ", round, "\n")
            one.output:flush()
            assert(one.input:read() == i .. " " .. round)
          end
          one.output:close()
          assert(one.input:read() == nil)
          one.input:close()
          served = served + 1
        end)
      end
      quayside.run()
      assert.equal(count, served)
      tcp.close(listener)
    else
      pending("only " .. descriptor_limit() .. " descriptors are allowed")
    end
  end)

  it("is where it was after 10,000 connects and closes", function()
    local count = helper.rounds(10000, 100)
    local listener, port = helper.listener(64)
    local function churn(times)
      local serving = spawn(function()
        for _ = 1, times do
          local input, output = tcp.accept(listener)
          output:write(input:read() or "", "\n")
          helper.close(output, input)
        end
      end)
      for _ = 1, times do
        local input, output = tcp.connect("127.0.0.1", port)
        output:write("hello\n")
        output:close()
        assert.equal("hello", input:read())
        input:close()
      end
      helper.join(serving)
      helper.settle()
    end
    churn(helper.rounds(3000, 100)) -- what grows once, has grown
    local descriptors, memory = helper.descriptors(), helper.memory()
    local kept = collectgarbage("count")
    churn(count)
    assert.equal(descriptors, helper.descriptors())
    -- A table of what is alive may be larger or smaller, as it happens.
    assert.is_true(collectgarbage("count") - kept < 400,
                   collectgarbage("count") - kept)
    if not os.getenv "QUAYSIDE_ROUNDS" then -- a checker's memory is its own
      assert.is_true(helper.memory() - memory < 4e6,
                     helper.memory() - memory)
    end
    tcp.close(listener)
  end)

  it("is where it was after as many failing connects", function()
    local port = helper.free_port()
    local function churn(times)
      for _ = 1, times do
        local _, err = quayside.try(tcp.connect, "127.0.0.1", port)
        assert.equal("ECONNREFUSED", err.code)
      end
      helper.settle()
    end
    churn(100)
    local descriptors, kept = helper.descriptors(), collectgarbage("count")
    churn(helper.rounds(10000, 100))
    assert.equal(descriptors, helper.descriptors())
    assert.is_true(collectgarbage("count") - kept < 400)
  end)

  it("is where it was after as many forgotten connections", function()
    local listener, port = helper.listener(64)
    local function churn(times)
      for _ = 1, times do
        local _, output = tcp.connect("127.0.0.1", port)
        output:write("forgotten")
        tcp.accept(listener)
      end
      helper.settle()
    end
    churn(helper.rounds(2000, 50))
    local descriptors, kept = helper.descriptors(), collectgarbage("count")
    churn(helper.rounds(2000, 50))
    assert.equal(descriptors, helper.descriptors())
    assert.is_true(collectgarbage("count") - kept < 400,
                   collectgarbage("count") - kept)
    tcp.close(listener)
  end)

  it("runs 10,000 threads that wait, and forgets them", function()
    local count = helper.rounds(10000, 100)
    local gate = quayside.semaphore.new()
    local passed = 0
    for _ = 1, count do
      spawn(function()
        gate:wait()
        passed = passed + 1
      end)
    end
    helper.let_run()
    for _ = 1, count do gate:post() end
    quayside.run()
    assert.equal(count, passed)
  end)
end)
