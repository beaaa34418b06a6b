-- UDP sockets: many datagrams leave nothing behind.
local helper = require "helper"
local quayside = require "quayside"
local common = require "udp_common"

local udp, spawn = quayside.udp, quayside.spawn

-- As many as fit the receive buffer, whatever they hold.
local WINDOW = 32

-- Sends `count` datagrams, a window at a time: then waits for an answer.
local function sender(count, receiver_port)
  local u = common.bound()
  u:connect("127.0.0.1", receiver_port)
  for i = 1, count do
    u:send(("%08d"):format(i))
    if i % WINDOW == 0 then u:receive() end
  end
  u:close()
end

local function receiver(u, count)
  local bytes = 0
  for i = 1, count do
    local data, host, port = u:receive()
    assert(tonumber(data) == i)
    bytes = bytes + #data
    if i % WINDOW == 0 then u:send_to(host, port, "go on") end
  end
  return bytes
end

local function exchange(count)
  local u, port = common.bound()
  local threads = {spawn(receiver, u, count), spawn(sender, count, port)}
  assert.equal(8 * count, helper.join(threads[1]))
  helper.join(threads[2])
  u:close()
end

local function kilobytes()
  collectgarbage()
  collectgarbage()
  return collectgarbage("count")
end

describe("a stream of datagrams between two threads", function()
  helper.check_leaks(120)

  it("leaves memory and descriptors as they were", function()
    local count = helper.rounds(20000, 2 * WINDOW) // WINDOW * WINDOW
    exchange(count)
    local lua_memory, memory = kilobytes(), helper.memory()
    exchange(count)
    assert(kilobytes() - lua_memory < 64)
    assert(helper.memory() - memory < 2 * 1024 * 1024)
  end)

  it("loses none between threads that never wait for an answer", function()
    local count = helper.rounds(5000, 200)
    local u, port = common.bound()
    local peer = udp.open()
    local received = 0
    local t = spawn(function()
      while (u:receive()) ~= "end" do received = received + 1 end
    end)
    for _ = 1, count do peer:send_to("127.0.0.1", port, "x") end
    peer:send_to("127.0.0.1", port, "end")
    t:wait()
    assert.equal(count, received)
    helper.close(u, peer)
  end)

  it("holds no buffer for a socket that waits", function()
    local sockets = {}
    local data = ("x"):rep(60000)
    collectgarbage()
    local before = helper.memory()
    for i = 1, 400 do
      local u, port = common.bound()
      sockets[i] = u
      u:send_to("127.0.0.1", port, data)
      u:receive()
      collectgarbage("step")
    end
    assert(helper.memory() - before < 12 * 1024 * 1024)
    helper.close(table.unpack(sockets))
  end)
end)
