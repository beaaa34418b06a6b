-- luv as libuv is used in C: callbacks, no coroutine.
local uv = require "luv"

local starters = {}

function starters.echo(client)
  client:read_start(function(_, chunk)
    if chunk then
      client:write(chunk)
    else
      client:close()
    end
  end)
end

-- Call on_line(line) for each line; a line in pieces is put together.
local function read_lines(client, on_line)
  local partial = ""
  client:read_start(function(_, chunk)
    if not chunk then return client:close() end
    local from = 1
    if #partial > 0 then
      chunk, partial = partial .. chunk, ""
    end
    while true do
      local stop = chunk:find("\n", from, true)
      if not stop then break end
      on_line(chunk:sub(from, stop))
      from = stop + 1
    end
    if from <= #chunk then partial = chunk:sub(from) end
  end)
end

function starters.line(client)
  read_lines(client, function(line) client:write(line) end)
end

starters.pipeline = starters.line

function starters.churn(client)
  read_lines(client, function(line)
    client:read_stop()
    client:write(line, function() client:close() end)
  end)
end

-- The next block is written when the one before is through.
function starters.down(client)
  read_lines(client, function(line)
    local bytes, size = line:match("(%d+) (%d+)")
    local left, block = tonumber(bytes), ("x"):rep(tonumber(size))
    local function more(err)
      if err or left == 0 then return client:close() end
      if left < #block then block = block:sub(1, left) end
      left = left - #block
      client:write(block, more)
    end
    client:read_stop()
    more()
  end)
end

function starters.up(client)
  local total = 0
  client:read_start(function(_, chunk)
    if chunk then
      total = total + #chunk
    else
      client:write(total .. "\n", function() client:close() end)
    end
  end)
end

local start = assert(starters[arg[1]], "unknown case")
local server = uv.new_tcp()
assert(server:bind("127.0.0.1", 0))
assert(server:listen(1024, function()
  local client = uv.new_tcp()
  server:accept(client)
  client:nodelay(true)
  start(client)
end))
print("port " .. server:getsockname().port)
io.stdout:flush()
uv.run()
