--- Ports: the two ends of a connection that a program reads and writes.
--
-- What a port does is in C, its events, too; here is what is made of that.
--
-- Source: the Racket reference, "Ports".
-- @module quayside.port

local core = require "quayside.core"

local input = core.methods_of "quayside.input"
local output = core.methods_of "quayside.output"

-- Methods --------------------------------------------------------------------

local function check_port(is_port, port, name, what)
  if is_port(port) then return end
  error(("bad argument #1 to '%s' (%s port expected, got %s)")
        :format(name, what, type(port)), 3)
end

--- An iterator over what `read(formats...)` returns, as file:lines.
function input:lines(...)
  check_port(core.is_input, self, "lines", "input")
  local read, read_line = input.read, input.read_line
  local n = select("#", ...)
  if n == 0 then return function() return read_line(self) end end
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
