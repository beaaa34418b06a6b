-- A server whose every answer has a deadline.  A client sends a number of
-- seconds; the server works so long, and says "done" - or, if that would take
-- too long, gives up and says so.
-- usage: lua5.4 deadline.lua [port [deadline in seconds]]
local quayside = require "quayside"

local deadline_s = tonumber(arg[2]) or 0.5

-- Stands for real work: a query, a request to another server.
local function work(seconds)
  quayside.sleep(seconds)
  return ("done in %g s"):format(seconds)
end

-- A thread is an event, ready when the thread has ended.
local function answer(seconds)
  local worker = quayside.spawn(work, seconds)
  if not quayside.sync_timeout(deadline_s, worker) then
    worker:kill()
    return ("given up after %g s"):format(deadline_s)
  end
  local _, result = worker:wait()
  return result
end

local function serve(input, output)
  for line in input:lines() do
    local seconds = tonumber(line)
    local is_valid = seconds and seconds >= 0
    output:write(is_valid and answer(seconds) or "a number of seconds, please",
                 "\n")
  end
end

local server = quayside.tcp.serve(tonumber(arg[1]) or 0, serve,
                                  {hostname = "127.0.0.1"})
local _, port = server:addresses(true)
io.write("listening on 127.0.0.1 port ", port, "\n"):flush()

-- Ctrl-C raises a break in the main thread, wherever it waits.
local ok, err = pcall(server.wait, server)
server:stop(1)
if not ok and not quayside.error.is_break(err) then error(err, 0) end
