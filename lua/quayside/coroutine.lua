--- Coroutines whose code may wait: a drop-in for Lua's `coroutine`.
--
-- A generator made with `wrap` can read a port in the middle of a for loop:
-- the whole thread waits, the loop never notices.
-- @module quayside.coroutine

local core = require "quayside.core"

local library = core.coroutine

--- Puts these functions in the place of those in the global `coroutine` table.
-- Libraries that have copied the old ones keep them, so call it first.
function library.install()
  for _, name in ipairs {"create", "resume", "wrap", "yield", "running",
                         "isyieldable", "status", "close"} do
    coroutine[name] = library[name]
  end
end

return library
