-- luaevent: its own coroutine layer, over libevent and LuaSocket.
local socket = require "socket"
local luaevent = require "luaevent"

local SIZE = 8192
local handlers = {}

function handlers.echo(skt)
  skt:settimeout(0)
  while true do
    local data, err, partial = skt:receive(SIZE)
    data = data or partial
    if #data > 0 then
      skt:send(data)
    elseif err then
      return
    end
  end
end

function handlers.line(skt)
  for line in function() return (skt:receive("*l")) end do
    skt:send(line .. "\n")
  end
end

handlers.pipeline = handlers.line

function handlers.churn(skt)
  local line = skt:receive("*l")
  if line then skt:send(line .. "\n") end
end

-- luaevent's send skips bytes when it is cut short twice: it adds an index to
-- an index.  One byte cannot be cut, so that is what waits for room here.
local function send_all(skt, data)
  local from = 1
  while from <= #data do
    local last, err, partial = skt.socket:send(data, from)
    if last then return true end
    if err ~= "timeout" then return false end
    from = partial + 1
    if not skt:send(data:sub(from, from)) then return false end
    from = from + 1
  end
  return true
end

function handlers.down(skt)
  local request = skt:receive("*l")
  if not request then return end
  local bytes, size = request:match("(%d+) (%d+)")
  local left, block = tonumber(bytes), ("x"):rep(tonumber(size))
  while left > 0 do
    if left < #block then block = block:sub(1, left) end
    if not send_all(skt, block) then return end
    left = left - #block
  end
end

function handlers.up(skt)
  local total = 0
  skt:settimeout(0)
  while true do
    local data, err, partial = skt:receive(SIZE)
    total = total + #(data or partial)
    if err and err ~= "timeout" then break end
  end
  skt:send(total .. "\n")
end

local handler = assert(handlers[arg[1]], "unknown case")
local server = assert(socket.bind("127.0.0.1", 0, 1024))
server:settimeout(0)
print("port " .. select(2, server:getsockname()))
io.stdout:flush()

luaevent.addserver(server, function(client)
  local skt = luaevent.wrap(client)
  client:setoption("tcp-nodelay", true)
  handler(skt)
  -- close fails on a socket that never had to wait, before it is closed.
  if not pcall(skt.close, skt) then client:close() end
end)
luaevent.loop()
