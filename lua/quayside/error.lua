--- Error objects.
--
-- Everything that goes wrong outside the program is raised as a table:
--
--   kind      "network", "break" or "kill"
--   op        what was tried: "tcp.connect", "port.read", ...
--   message   what happened, in words
--   code      what happened, for programs: "ECONNREFUSED", "EAI_NONAME",
--             "closed", "limit", "custodian"; of a break: "break", "hang-up",
--             "terminate"
--   errno     the system's number, if it has one
--   hostname, port, address   what it was tried on
--   attempts  of connect: {address=, port=, code=, errno=} for each address
--
-- Wrong arguments are not of these: they are ordinary Lua argument errors.
-- @module quayside.error

local core = require "quayside.core"

local Error = core.error_metatable

Error.__name = "quayside.error"

-- "localhost port 9: 127.0.0.1": each part only if it is known, the address
-- only if it says more than the host.
local function place(self)
  local parts = {}
  if self.hostname == "" then parts[1] = '""' else parts[1] = self.hostname end
  if self.port then parts[#parts + 1] = "port " .. self.port end
  local text = table.concat(parts, " ")
  if self.address and self.address ~= self.hostname then
    text = text == "" and self.address or text .. ": " .. self.address
  end
  return text
end

--- One line: `tcp.connect: connection refused (localhost port 9: 127.0.0.1)
-- [ECONNREFUSED]`.
function Error:__tostring()
  local text = self.message or self.kind
  if self.op then text = self.op .. ": " .. text end
  local where = place(self)
  if where ~= "" then text = text .. " (" .. where .. ")" end
  if self.kind == "network" then text = text .. " [" .. self.code .. "]" end
  return text
end

local function kind_of(v)
  return getmetatable(v) == Error and v.kind or nil
end

--- Is `v` an error object of kind "network"?  Never raises.
local function is_network(v)
  return kind_of(v) == "network"
end

--- Is `v` an error object of kind "break"?  Never raises.
local function is_break(v)
  return kind_of(v) == "break"
end

local function results_of(ok, ...)
  if ok then return ... end
  local err = ...
  if is_network(err) then return nil, err end
  error(err, 0)
end

--- Calls `f(...)`.
-- @return its results; or nil and the error object, if a network error was
--   raised.  Every other error passes through.
local function try(f, ...)
  return results_of(pcall(f, ...))
end

return {
  is_network = is_network,
  is_break = is_break,
  try = try,
}
