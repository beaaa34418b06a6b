-- luv with the usual wrapper: a coroutine for each connection, a queue of
-- chunks between the read callback and its reader.
local uv = require "luv"

local Stream = {}
Stream.__index = Stream

local function wrap(client)
  local self = setmetatable({ client = client, chunks = {}, first = 1 },
    Stream)
  client:read_start(function(err, chunk)
    if chunk then
      self.chunks[#self.chunks + 1] = chunk
    else
      self.ended = err or true
    end
    local reader = self.reader
    if reader then
      self.reader = nil
      assert(coroutine.resume(reader))
    end
  end)
  return self
end

-- The next chunk, or nil at the end.
function Stream:read()
  while self.first > #self.chunks do
    if self.ended then return nil end
    self.chunks, self.first = {}, 1
    self.reader = coroutine.running()
    coroutine.yield()
  end
  local chunk = self.chunks[self.first]
  self.first = self.first + 1
  return chunk
end

-- The next line with its end, or nil.
function Stream:read_line()
  local text = self.partial or self:read()
  self.partial = nil
  while text do
    local stop = text:find("\n", 1, true)
    if stop then
      if stop < #text then self.partial = text:sub(stop + 1) end
      return text:sub(1, stop)
    end
    local chunk = self:read()
    text = chunk and text .. chunk
  end
end

-- Wait until libuv has passed everything on.
function Stream:write(data)
  local co, done, waiting = coroutine.running(), nil, false
  self.client:write(data, function(err)
    done = err or true
    if waiting then assert(coroutine.resume(co)) end
  end)
  if not done then
    waiting = true
    coroutine.yield()
  end
  return done == true
end

local handlers = {}

function handlers.echo(stream)
  for chunk in stream.read, stream do stream:write(chunk) end
end

function handlers.line(stream)
  for line in stream.read_line, stream do stream:write(line) end
end

handlers.pipeline = handlers.line

function handlers.churn(stream)
  local line = stream:read_line()
  if line then stream:write(line) end
end

function handlers.down(stream)
  local request = stream:read_line()
  if not request then return end
  local bytes, size = request:match("(%d+) (%d+)")
  local left, block = tonumber(bytes), ("x"):rep(tonumber(size))
  while left > 0 do
    if left < #block then block = block:sub(1, left) end
    if not stream:write(block) then return end
    left = left - #block
  end
end

function handlers.up(stream)
  local total = 0
  for chunk in stream.read, stream do total = total + #chunk end
  stream:write(total .. "\n")
end

local handler = assert(handlers[arg[1]], "unknown case")
local server = uv.new_tcp()
assert(server:bind("127.0.0.1", 0))
assert(server:listen(1024, function()
  local client = uv.new_tcp()
  server:accept(client)
  client:nodelay(true)
  assert(coroutine.resume(coroutine.create(function()
    handler(wrap(client))
    client:close()
  end)))
end))
print("port " .. server:getsockname().port)
io.stdout:flush()
uv.run()
