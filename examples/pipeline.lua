-- A pipeline of threads.  Each stage takes values from one channel and puts
-- others on the next; a channel passes a value when both sides are there, so a
-- slow stage holds up those before it, and nothing piles up between them.
-- usage: lua5.4 pipeline.lua [port]
--
-- A client sends lines; it gets the words of each, sorted, behind its number.
local quayside = require "quayside"

-- Runs `f(...)` in a thread; where that fails, nothing of the connection is to
-- be left waiting for it.
local function start(f, ...)
  quayside.spawn(function(...)
    local ok, err = pcall(f, ...)
    if ok then return end
    io.stderr:write("pipeline: ", tostring(err), "\n")
    quayside.custodian.current():shutdown_all()
  end, ...)
end

-- The last value on a channel is false: nil cannot be put.
local function values(channel)
  return function() return channel:get() or nil end
end

local function read_lines(input, lines)
  for line in input:lines() do lines:put(line) end
  lines:put(false)
end

local function pass_on(work, from, to)
  for value in values(from) do to:put(work(value)) end
  to:put(false)
end

-- A thread that makes something of each value; its results come on a channel.
local function stage(work, from)
  local to = quayside.channel.new()
  start(pass_on, work, from, to)
  return to
end

local function split(line)
  local words = {}
  for word in line:gmatch "%S+" do table.insert(words, word) end
  return words
end

local function sort(words)
  table.sort(words)
  return words
end

local function numbering()
  local n = 0
  return function(words)
    n = n + 1
    return ("%d: %s\n"):format(n, table.concat(words, " "))
  end
end

local function serve(input, output)
  local lines = quayside.channel.new()
  start(read_lines, input, lines)
  local answers = stage(numbering(), stage(sort, stage(split, lines)))
  for answer in values(answers) do output:write(answer) end
end

local server = quayside.tcp.serve(tonumber(arg[1]) or 0, serve,
                                  {hostname = "127.0.0.1"})
local _, port = server:addresses(true)
io.write("listening on 127.0.0.1 port ", port, "\n"):flush()

-- Ctrl-C raises a break in the main thread, wherever it waits.
local ok, err = pcall(server.wait, server)
server:stop(0)
if not ok and not quayside.error.is_break(err) then error(err, 0) end
