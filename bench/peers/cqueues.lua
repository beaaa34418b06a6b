-- cqueues: a coroutine for each connection, its own sockets and epoll.
local cqueues = require "cqueues"
local socket = require "cqueues.socket"

local SIZE = 16384
local handlers = {}

-- A negative count reads what is there, up to so many bytes.
function handlers.echo(con)
  con:setmode("bn", "bn")
  for chunk in function() return con:read(-SIZE) end do
    con:write(chunk)
  end
end

function handlers.line(con)
  con:setmode("b", "bl")
  for line in con:lines("*L") do
    con:write(line)
  end
end

handlers.pipeline = handlers.line

function handlers.churn(con)
  con:setmode("b", "bf")
  local line = con:read("*L")
  if line then con:write(line) end
end

function handlers.down(con)
  con:setmode("b", "bf")
  local request = con:read("*l")
  if not request then return end
  local bytes, size = request:match("(%d+) (%d+)")
  local left, block = tonumber(bytes), ("x"):rep(tonumber(size))
  while left > 0 do
    if left < #block then block = block:sub(1, left) end
    if not con:write(block) then return end
    left = left - #block
  end
end

function handlers.up(con)
  local total = 0
  con:setmode("bn", "bn")
  for chunk in function() return con:read(-SIZE) end do
    total = total + #chunk
  end
  con:write(total, "\n")
end

local handler = assert(handlers[arg[1]], "unknown case")
local server = assert(socket.listen {
  host = "127.0.0.1", port = 0, nodelay = true,
})
assert(server:listen())
print("port " .. select(3, server:localname()))
io.stdout:flush()

local loop = cqueues.new()
loop:wrap(function()
  for con in server:clients() do
    loop:wrap(function()
      handler(con)
      con:flush()
      con:close()
    end)
  end
end)
assert(loop:loop())
