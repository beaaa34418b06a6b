--- Custodians: what is opened belongs to one, and goes with it.
--
-- Shutting a custodian down closes its listeners, ports and sockets without
-- flushing, kills its threads, wakes every waiter, and does the same to its
-- sub-custodians, first.
--
-- Source: the Racket reference, "Custodians".
-- @module quayside.custodian

local core = require "quayside.core"

local methods = core.methods_of "quayside.custodian"
local metatable = core.metatable_of "quayside.custodian"

-- A custodian is an event: ready when shut down, result itself.  So is a box.
function metatable.__evt(custodian)
  return core.shutdown_evt(custodian, custodian)
end

local Box = {__name = "quayside.custodian_box"}
Box.__index = Box

function Box:__evt()
  return core.shutdown_evt(self, self.custodian)
end

--- The value; nil after the custodian has been shut down.
function Box:value()
  if self.custodian:is_shut_down() then self.content = nil end
  return self.content
end

--- A box that holds `v` until the custodian is shut down.
function methods.box(custodian, v)
  if not core.is_custodian(custodian) then
    error("bad argument #1 to 'box' (custodian expected, got "
          .. type(custodian) .. ")", 2)
  end
  return setmetatable({custodian = custodian, content = v}, Box)
end

-- To be closed where a visit ends.  Not pcall: that costs a level of the C
-- stack, and an error would lose its traceback.
local visit = setmetatable({}, {__close = core.leave})

--- Calls `f(...)` with this custodian as the current one.
-- @return the results of `f`
function methods.with(custodian, f, ...)
  if type(f) ~= "function" then
    error("bad argument #1 to 'with' (function expected, got " .. type(f)
          .. ")", 2)
  end
  core.enter(custodian)
  local _ <close> = visit
  return f(...)
end

return {
  new = core.new_custodian,
  current = core.current_custodian,
  is_custodian = core.is_custodian,
  shutdown_all = methods.shutdown_all,
  is_shut_down = methods.is_shut_down,
  with = methods.with,
  managed = methods.managed,
  box = methods.box,
}
