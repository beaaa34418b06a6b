-- A watchdog.  Jobs run under a custodian; one that takes too long or opens too
-- many connections is shut down, with all that it has opened and started.
-- usage: lua5.4 watchdog.lua [port]
--
-- A client sends the name of a job: quick, slow or greedy.
local quayside = require "quayside"

local SECONDS, CONNECTIONS, INTERVAL_S = 0.5, 5, 0.02

local server

local function connect_to_self()
  local _, port = server:addresses(true)
  return quayside.tcp.connect("127.0.0.1", port)
end

local jobs = {
  quick = function() return "found it" end,
  slow = function()
    quayside.spawn(quayside.sleep, 60) -- goes with the job
    connect_to_self()
    quayside.sleep(60)
  end,
  greedy = function()
    local held = {} -- what is not held is collected, and so closed
    while true do
      table.insert(held, {connect_to_self()})
      quayside.sleep(0.01)
    end
  end,
}

local function count_connections(owner)
  local count = 0
  for _, each in ipairs(owner:managed()) do
    if quayside.port.is_output(each) then count = count + 1 end
  end
  return count
end

-- Runs `job` under a custodian of its own.
-- @treturn string what has become of it
local function watch(job)
  local owner <close> = quayside.custodian.new() -- is shut down at the end
  local worker = owner:with(quayside.spawn, job)
  local time_up <close> = quayside.custodian.new()
  local clock = time_up:with(quayside.spawn, quayside.sleep, SECONDS)
  repeat
    local ended = quayside.sync_timeout(INTERVAL_S, worker, clock)
    local count = count_connections(owner)
    if count > CONNECTIONS then
      return ("shut down: more than %d connections"):format(CONNECTIONS)
    end
  until ended
  if not worker:is_dead() then
    return ("shut down: took more than %g s"):format(SECONDS)
  end
  local ok, result = worker:wait()
  return (ok and "result: " or "failed: ") .. tostring(result)
end

local function serve(input, output)
  for name in input:lines() do
    local job = jobs[name]
    output:write(job and watch(job) or "quick, slow or greedy?", "\n")
  end
end

server = quayside.tcp.serve(tonumber(arg[1]) or 0, serve,
                            {hostname = "127.0.0.1"})
local _, number = server:addresses(true)
io.write("listening on 127.0.0.1 port ", number, "\n"):flush()

-- Ctrl-C raises a break in the main thread, wherever it waits.
local ok, err = pcall(server.wait, server)
server:stop(0)
if not ok and not quayside.error.is_break(err) then error(err, 0) end
