--- Threads: coroutines that may wait.
--
-- A thread runs until it waits; then the others have their turn.  A spawned
-- thread starts when its spawner next waits.  The main chunk is a thread, too.
-- @module quayside.thread

local core = require "quayside.core"

local methods = core.methods_of "quayside.thread"

-- To be closed where a region ends.  Enabling breaks again lets in one that was
-- kept.
local Region = {__close = function(self) core.break_enabled(self.was) end}

--- Calls `f(...)` with breaks enabled or disabled.
-- @tparam boolean on
-- @return the results of `f`
local function with_break(on, f, ...)
  if type(f) ~= "function" then
    error("bad argument #2 to 'with_break' (function expected, got "
          .. type(f) .. ")", 2)
  end
  local _ <close> = setmetatable({was = core.break_enabled()}, Region)
  -- Enabling lets in a break that was kept; then f is not called.
  core.break_enabled(on and true or false)
  return f(...)
end

local function report(thread, err, traceback)
  io.stderr:write("quayside: error in ", tostring(thread), ": ",
                  tostring(err), "\n", traceback or "", "\n")
end

core.on_error(report)

--- Sets what is called for the error of a thread that nobody waits for.
-- Decided when the thread dies.
-- @tparam function|nil handler called as `handler(thread, error, traceback)`;
--   nil: the default, which writes to standard error
-- @treturn function the one before
local function on_error(handler)
  if handler ~= nil and type(handler) ~= "function" then
    error("bad argument #1 to 'on_error' (function expected, got "
          .. type(handler) .. ")", 2)
  end
  return core.on_error(handler or report)
end

local function results_of(ok, ...)
  core.run()
  if not ok then error(..., 0) end
  return ...
end

--- Runs until all threads are done, or none left can ever run.  Only the main
-- thread may call it.
-- @tparam[opt] function f runs first, as a thread, with the arguments behind
-- @return the results of `f`; its error is raised
local function run(f, ...)
  if f == nil then return core.run() end
  return results_of(core.spawn(f, ...):wait())
end

return {
  spawn = core.spawn,
  current = core.current,
  is_thread = core.is_thread,
  sleep = core.sleep,
  yield = core.yield,
  wait = methods.wait,
  kill = methods.kill,
  send_break = methods.send_break,
  is_dead = methods.is_dead,
  break_enabled = core.break_enabled,
  with_break = with_break,
  on_error = on_error,
  run = run,
}
