--- Ports: the two ends of a connection that a program reads and writes.
--
-- The plain methods are in C; here are the events, and what is made of both.
--
-- Source: the Racket reference, "Ports".
-- @module quayside.port

local core = require "quayside.core"
local Event = require("quayside.event").Event

local input = core.methods_of "quayside.input"
local output = core.methods_of "quayside.output"
local input_metatable = core.metatable_of "quayside.input"
local output_metatable = core.metatable_of "quayside.output"

-- Classes of events -----------------------------------------------------------
--
-- The elements of an event are the port and the arguments of the call that
-- tries it.

local function taking(try)
  return {try = try, block = core.block_take, idle = core.is_input_idle}
end

local read_bytes = taking(core.try_bytes)
local read_some = taking(core.try_some)
local read_line = taking(core.try_line)

local peek = {
  try = core.try_peek,
  block = core.block_look,
  idle = core.is_input_idle,
}

local eof = {
  try = core.try_end,
  block = core.block_end,
  idle = core.is_input_idle,
}

local function try_ready(event)
  local port = event[1]
  if not port:ready() then return false end
  return true, port
end

local input_ready = {
  try = try_ready,
  block = core.block_look,
  idle = core.is_input_idle,
}

local output_ready = {try = try_ready, block = core.block_room}
local write = {try = core.try_write_some, block = core.block_send}
local flush = {try = core.try_flush, block = core.block_send}

local function closed(block)
  return {
    try = function(event)
      if not event[1]:is_closed() then return false end
      return true, event
    end,
    block = block,
    idle = function(event)
      return not event[1]:is_closed()
    end,
  }
end

local input_closed = closed(core.block_closed)
local output_closed = closed(core.block_output_closed)

-- Methods --------------------------------------------------------------------

local function check_port(is_port, port, name, what)
  if is_port(port) then return end
  error(("bad argument #1 to '%s' (%s port expected, got %s)")
        :format(name, what, type(port)), 3)
end

local function check_count(n, i, least, name)
  if math.type(n) == "integer" and n >= least then return n end
  local whole = math.type(n) == "float" and math.tointeger(n)
  if whole and whole >= least then return whole end
  error(("bad argument #%d to '%s' (count must be an integer from %d)")
        :format(i, name, least), 3)
end

local modes = {
  linefeed = true, ["return"] = true, ["return-linefeed"] = true,
  any = true, ["any-one"] = true,
}

--- An event: ready when `n` bytes are there, or fewer and the end of file; the
-- result is a string, or nil at end of file.
function input:read_evt(n)
  check_port(core.is_input, self, "read_evt", "input")
  n = check_count(n, 1, 0, "read_evt")
  return setmetatable({self, n, base = read_bytes}, Event)
end

--- An event: ready when something is there; the result is what is there, at
-- most `max` bytes, or nil at end of file.
function input:read_some_evt(max)
  check_port(core.is_input, self, "read_some_evt", "input")
  if max ~= nil then max = check_count(max, 1, 1, "read_some_evt") end
  return setmetatable({self, max, base = read_some}, Event)
end

--- An event: ready when a whole line is there; the result is as that of
-- read_line.
function input:read_line_evt(mode)
  check_port(core.is_input, self, "read_line_evt", "input")
  if mode ~= nil and not modes[mode] then
    error(("bad argument #1 to 'read_line_evt' (invalid option '%s')")
          :format(tostring(mode)), 2)
  end
  return setmetatable({self, mode, base = read_line}, Event)
end

--- An event like read_evt, behind `skip` bytes, that takes nothing.
function input:peek_evt(n, skip)
  check_port(core.is_input, self, "peek_evt", "input")
  n = check_count(n, 1, 0, "peek_evt")
  if skip ~= nil then skip = check_count(skip, 2, 0, "peek_evt") end
  return setmetatable({self, n, skip, base = peek}, Event)
end

--- An event: ready at end of file; the port as result.
function input:eof_evt()
  check_port(core.is_input, self, "eof_evt", "input")
  return setmetatable({self, base = eof}, Event)
end

--- An event: ready when the port has been closed; itself as result.
function input:closed_evt()
  check_port(core.is_input, self, "closed_evt", "input")
  return setmetatable({self, base = input_closed}, Event)
end

--- An event: ready when at least one byte of `s` can be sent; then as much of
-- it is sent as goes, and the result is the count.
function output:write_evt(s)
  check_port(core.is_output, self, "write_evt", "output")
  if type(s) == "number" then s = tostring(s) end
  if type(s) ~= "string" then
    error("bad argument #1 to 'write_evt' (string expected, got " .. type(s)
          .. ")", 2)
  end
  return setmetatable({self, s, base = write}, Event)
end

--- An event: ready when all that was written is with the kernel.
function output:flush_evt()
  check_port(core.is_output, self, "flush_evt", "output")
  return setmetatable({self, base = flush}, Event)
end

--- An event: ready when the port has been closed; itself as result.
function output:closed_evt()
  check_port(core.is_output, self, "closed_evt", "output")
  return setmetatable({self, base = output_closed}, Event)
end

function input_metatable.__evt(port)
  return setmetatable({port, base = input_ready}, Event)
end

function output_metatable.__evt(port)
  return setmetatable({port, base = output_ready}, Event)
end

--- An iterator over what `read(formats...)` returns, as file:lines.
function input:lines(...)
  check_port(core.is_input, self, "lines", "input")
  local read = input.read
  local n = select("#", ...)
  if n == 0 then return function() return read(self, "l") end end
  if n == 1 then
    local format = ...
    return function() return read(self, format) end
  end
  local formats = {...}
  return function() return read(self, table.unpack(formats, 1, n)) end
end

input.addresses = core.addresses
output.addresses = core.addresses

-- Functions ------------------------------------------------------------------

--- Copies what comes to the end of file, and flushes.
-- @param from an input port
-- @param ... the output ports, each of which gets everything
-- @treturn integer the number of bytes
local function copy(from, ...)
  check_port(core.is_input, from, "copy", "input")
  local to = {...}
  for i = 1, select("#", ...) do
    if not core.is_output(to[i]) then
      error(("bad argument #%d to 'copy' (output port expected, got %s)")
            :format(i + 1, type(to[i])), 2)
    end
  end
  local count = 0
  local bytes = from:read_some()
  while bytes do
    for _, each in ipairs(to) do each:write(bytes) each:flush() end
    count = count + #bytes
    bytes = from:read_some()
  end
  return count
end

return {
  is_input = core.is_input,
  is_output = core.is_output,
  copy = copy,
}
