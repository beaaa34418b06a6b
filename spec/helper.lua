--- What the specs share: peers on the loopback, and the proof that nothing is
-- left when a spec has ended.
--
-- Busted loads this file first; a spec file says
--
--   local helper = require "helper"
--   describe("…", function()
--     helper.check_leaks()
--     it("…", function() … end)
--   end)
--
-- Busted reloads modules for each spec file unless they were there before, so
-- all of quayside is loaded here.

local quayside = require "quayside"
local lfs = require "lfs"
local core = require "quayside.core"
for _, name in ipairs {"tcp", "udp", "port", "serve", "thread", "evt",
                       "channel", "semaphore", "custodian", "error"} do
  pcall(require, "quayside." .. name)
end

package.path = "./spec/?.lua;" .. package.path
local script = require "script"

local tcp, thread = quayside.tcp, quayside.thread

local helper = {
  quote = script.quote,
  file = script.file,
  command = script.command,
  run_script = script.run,
}
package.loaded.helper = helper

local function from_environment(name)
  return tonumber(os.getenv(name) or "") or nil
end

-- Sizes and seeds -------------------------------------------------------------

--- How often to do something: `base` times, scaled by QUAYSIDE_ROUNDS, but at
-- least `least` times (1).
function helper.rounds(base, least)
  local scaled = base * (from_environment "QUAYSIDE_ROUNDS" or 1)
  return math.max(least or 1, math.floor(scaled))
end

local seed = from_environment "QUAYSIDE_SEED" or os.time()

--- Seeds Lua's generator with QUAYSIDE_SEED, or the time.
-- @treturn integer the seed, to be told when something fails
function helper.seed()
  math.randomseed(seed)
  return seed
end

--- Calls `f()` after seeding; an error tells the seed.
function helper.with_seed(f)
  local used = helper.seed()
  local ok, err = xpcall(f, debug.traceback)
  if not ok then
    error(("with QUAYSIDE_SEED=%d: %s"):format(used, tostring(err)), 0)
  end
end

-- What is open ----------------------------------------------------------------

local function pid()
  local stat = io.open("/proc/self/stat")
  local id = stat:read("n")
  stat:close()
  return id
end

helper.pid = pid

-- A field of /proc/self/status, as a number.
local function status_of(field)
  local status = io.open("/proc/self/status")
  local value = status:read("a"):match("\n" .. field .. ":%s*(%d+)")
  status:close()
  return tonumber(value)
end

--- The number of open descriptors of this process.
function helper.descriptors()
  local count = -3 -- ".", ".." and the one that reads the folder
  for _ in lfs.dir("/proc/self/fd") do count = count + 1 end
  return count
end

-- A line "number -> target" for each.
local function list_descriptors()
  local listing = io.popen(("ls -l /proc/%d/fd"):format(pid()))
  local lines = {}
  for line in listing:lines() do
    lines[#lines + 1] = line:match("%d+ %-> .*$")
  end
  listing:close()
  return table.concat(lines, "\n")
end

--- Resident memory in bytes.
function helper.memory()
  return status_of "VmRSS" * 1024
end

local function measure()
  local counts = core.counts()
  counts.descriptors = helper.descriptors()
  return counts
end

-- What grew; nil if nothing did.
local function growth(before, now)
  local grown
  for name, count in pairs(now) do
    local was = before[name] or 0
    if count > was then
      grown = grown or {}
      grown[#grown + 1] = ("%s: %d, were %d"):format(name, count, was)
    end
  end
  return grown
end

local baseline

local function turn()
  collectgarbage()
  collectgarbage()
  for _ = 1, 4 do quayside.sleep(0) end
end

--- Lets everybody who can still do something do it, and collects garbage.
function helper.settle()
  turn()
  turn()
end

-- The coroutines of the threads that are waiting.
local function stuck_threads()
  local traces = {}
  for _, anchored in pairs(debug.getregistry()) do
    if type(anchored) == "table" then
      for _, value in next, anchored do
        local is_thread = type(value) == "userdata" and thread.is_thread(value)
        local coroutine = is_thread and debug.getuservalue(value, 1)
        if type(coroutine) == "thread" then
          traces[tostring(value)] = debug.traceback(coroutine)
        end
      end
    end
  end
  return traces
end

--- The tracebacks of all threads that wait, in one string.
function helper.tracebacks()
  local lines = {}
  for name, trace in pairs(stuck_threads()) do
    lines[#lines + 1] = name .. " waits:\n" .. trace
  end
  return table.concat(lines, "\n")
end

--- From here on what is open counts as given.
function helper.mark()
  helper.settle()
  baseline = measure()
end

--- Proves that no descriptor, waiter, timer, look-up or thread is left of
-- those that came since helper.mark.  Waits a little for the kernel and the
-- helper threads.
function helper.clean()
  local grown
  for attempt = 1, 40 do
    turn()
    grown = growth(baseline, measure())
    if not grown then return end
    if attempt > 2 then quayside.sleep(0.025) end
  end
  error("left behind: " .. table.concat(grown, "; ") .. "\n"
        .. list_descriptors() .. "\n" .. helper.tracebacks(), 0)
end

-- Deadlines -------------------------------------------------------------------

-- A process that sends SIGINT, and later SIGTERM, to this one when a spec
-- takes too long; so it ends a spec that waits for ever, as well as one that
-- computes for ever.
local guard_source = [[
limit=0
while :; do
  if [ "$limit" = 0 ]; then read -r limit name || exit 0; continue; fi
  read -r -t "$limit" next rest; status=$?
  if [ $status = 0 ]; then limit=$next; name=$rest
  elif [ $status -le 128 ]; then exit 0
  elif [ "$name" = hard ]; then kill -KILL $0; exit 0
  else
    echo "a spec takes longer than $limit s: interrupted" >&2
    kill -INT $0; limit=20; name=hard
  fi
done]]

local guard
local patience = from_environment "QUAYSIDE_PATIENCE" or 1

local function tell_guard(line)
  if not guard then
    guard = io.popen(("exec bash -c %s %d")
                     :format(script.quote(guard_source), pid()), "w")
    guard:setvbuf("no")
  end
  guard:write(line, "\n")
end

--- Interrupts this process (a break for the main thread) unless the deadline
-- is changed within `seconds`; 0 lifts it.  QUAYSIDE_PATIENCE multiplies it.
function helper.deadline(seconds)
  tell_guard(("%d soft"):format(math.ceil(seconds * patience)))
end

-- Every spec ------------------------------------------------------------------

local errors = {}

local function record(failed, err, traceback)
  errors[#errors + 1] = ("error in %s: %s\n%s")
                        :format(failed, tostring(err), traceback or "")
end

--- The errors of threads nobody waited for, since the spec began or this was
-- last called; they no longer make the spec fail.
function helper.take_errors()
  local taken = errors
  errors = {}
  return taken
end

--- Makes every spec of the surrounding describe end with the proof that
-- nothing is left, that no thread failed unheard, and that in bounded time.
-- @tparam[opt=30] number seconds the deadline of each
function helper.check_leaks(seconds)
  local busted = require "busted"
  local started, limit
  busted.before_each(function()
    limit = (seconds or 30) * patience
    helper.take_errors()
    thread.on_error(record)
    helper.mark()
    started = os.time()
    helper.deadline(seconds or 30)
  end)
  busted.after_each(function()
    local late = os.time() - started >= limit and helper.tracebacks()
    helper.deadline(30)
    local clean, left = pcall(helper.clean)
    helper.deadline(0)
    thread.on_error(nil)
    local failed = helper.take_errors()
    if late then error("the deadline has passed\n" .. late, 0) end
    if failed[1] then error(table.concat(failed, "\n"), 0) end
    if not clean then error(left, 0) end
  end)
end

-- Peers -----------------------------------------------------------------------

--- A connection over the loopback, both ends in this process.
-- @treturn input of the client
-- @treturn output of the client
-- @treturn input of the server
-- @treturn output of the server
function helper.pair()
  local listener = tcp.listen(0, 4, false, "127.0.0.1")
  local _, port = tcp.addresses(listener, true)
  local client_in, client_out = tcp.connect("127.0.0.1", port)
  local server_in, server_out = tcp.accept(listener)
  tcp.close(listener)
  return client_in, client_out, server_in, server_out
end

--- A listener on 127.0.0.1 and its port number.
function helper.listener(max_allow_wait)
  local listener = tcp.listen(0, max_allow_wait or 4, false, "127.0.0.1")
  local _, port = tcp.addresses(listener, true)
  return listener, port
end

--- A port number that was free a moment ago.
function helper.free_port()
  local listener, port = helper.listener()
  tcp.close(listener)
  return port
end

--- Closes all that is given.
function helper.close(...)
  for _, each in ipairs {...} do each:close() end
end

--- Lets the other threads run, and looks at the descriptors, a few times:
-- what can happen at once on the loopback has happened then.
function helper.let_run()
  for _ = 1, 8 do quayside.sleep(0) end
end

-- The first result of pcall left out; an error is raised as it was.
local function results_of(ok, ...)
  if not ok then error(..., 0) end
  return ...
end

--- The results of a thread; its error is raised here.
function helper.join(waited_for)
  return results_of(waited_for:wait())
end

--- Calls `f(...)`, which must raise a network error.
-- @treturn table the error object
function helper.network_error(f, ...)
  local ok, err = pcall(f, ...)
  if ok then error("no error was raised", 2) end
  if not quayside.error.is_network(err) then
    error("not a network error: " .. tostring(err), 2)
  end
  return err
end

--- Calls `f(...)`, which must raise an argument error.
-- @treturn string its message
function helper.argument_error(f, ...)
  local ok, err = pcall(f, ...)
  if ok then error("no error was raised", 2) end
  if type(err) ~= "string" or not err:find("bad argument", 1, true) then
    error("not an argument error: " .. tostring(err), 2)
  end
  return err
end

--- Calls `f(...)` with a new custodian as the current one.
-- @return the custodian, then the results of `f`
function helper.under_custodian(f, ...)
  local owner = quayside.custodian.new()
  return owner, owner:with(f, ...)
end

--- Does the kernel have IPv6 on the loopback?
function helper.has_ipv6()
  local listener = quayside.try(tcp.listen, 0, 4, false, "::1")
  if listener then tcp.close(listener) end
  return listener ~= nil
end

-- What stays open for good is no leak, so it comes before the first mark: the
-- threads that look names up, and the guard.
pcall(tcp.connect, "localhost", 1)
helper.deadline(0)

return helper
