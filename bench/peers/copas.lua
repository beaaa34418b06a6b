-- Copas: a coroutine for each connection over LuaSocket's select.

-- Debian has it in the folder of Lua 5.2; it is plain Lua and runs in 5.4.
package.path = package.path .. ";/usr/share/lua/5.2/?.lua"
local socket = require "socket"
local copas = require "copas"

local SIZE = 8192
local handlers = {}

-- Time-out 0 makes receive(number) return as soon as anything is there.
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

function handlers.down(skt)
  local request = skt:receive("*l")
  if not request then return end
  local bytes, size = request:match("(%d+) (%d+)")
  local left, block = tonumber(bytes), ("x"):rep(tonumber(size))
  while left > 0 do
    if left < #block then block = block:sub(1, left) end
    if not skt:send(block) then return end
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
print("port " .. select(2, server:getsockname()))
io.stdout:flush()

copas.addserver(server, function(client)
  client:setoption("tcp-nodelay", true)
  handler(copas.wrap(client))
  client:close()
end)
copas.loop()
