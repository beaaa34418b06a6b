-- The server of every case, written as the README teaches.
local quayside = require "quayside"
local evt, tcp = quayside.evt, quayside.tcp

local handlers = {}

function handlers.echo(input, output)
  local chunk = input:read_some()
  while chunk do
    output:write(chunk)
    chunk = input:read_some()
  end
end

function handlers.line(input, output)
  local line = input:read_line()
  while line do
    output:write(line, "\n")
    output:flush()
    line = input:read_line()
  end
end

-- No flush: what is written leaves when the thread waits for the next line.
function handlers.pipeline(input, output)
  local line = input:read_line()
  while line do
    output:write(line, "\n")
    line = input:read_line()
  end
end

-- As `line`, but a client that is silent for five seconds is left.
function handlers.sync(input, output)
  while true do
    local line = quayside.sync(input:read_line_evt(), evt.after(5))
    if type(line) ~= "string" then return end
    output:write(line, "\n")
    output:flush()
  end
end

function handlers.churn(input, output)
  local line = input:read_line()
  if line then output:write(line, "\n") end
end

function handlers.down(input, output)
  local request = input:read_line()
  if not request then return end
  local bytes, size = request:match("(%d+) (%d+)")
  local left, block = tonumber(bytes), ("x"):rep(tonumber(size))
  while left > 0 do
    if left < #block then block = block:sub(1, left) end
    output:write(block)
    left = left - #block
  end
end

function handlers.up(input, output)
  local total, chunk = 0, input:read_some()
  while chunk do
    total = total + #chunk
    chunk = input:read_some()
  end
  output:write(total, "\n")
end

-- The churn case without `serve`: the two ways to take the next connection.
local accepts = {}

function accepts.accept(listener)
  return tcp.accept(listener)
end

accepts["accept-evt"] = function(listener)
  return quayside.sync(tcp.accept_evt(listener))
end

local function talk(input, output)
  handlers.churn(input, output)
  output:close()
  input:close()
end

local function run_accept(accept)
  local listener = tcp.listen(0, 1024, true, "127.0.0.1")
  local _, port = tcp.addresses(listener, true)
  print("port " .. port)
  io.stdout:flush()
  while true do quayside.spawn(talk, accept(listener)) end
end

local function run_serve(handler)
  local server = tcp.serve(0, handler, { hostname = "127.0.0.1" })
  local _, port = server:addresses(true)
  print("port " .. port)
  io.stdout:flush()
  server:wait()
end

if accepts[arg[1]] then
  run_accept(accepts[arg[1]])
else
  run_serve(assert(handlers[arg[1]], "unknown case"))
end
