--- Exact counts of what one operation of a server costs.
--
-- A server is started afresh and asked for N operations, then another for
-- 2N.  The difference divided by N has no start and no end in it.

local process = require "runner.process"

local count = {}

-- Time for a tool to write its summary after the server has ended.
local SUMMARY_TRIES = 200

local function read_number(path, pattern)
  for _ = 1, SUMMARY_TRIES do
    local number = process.read_all(path):match(pattern)
    if number then return tonumber(number) end
    process.sleep(0.05)
  end
  error("no summary in " .. path)
end

-- How each tool is put in front of the server, and where its number is.
-- The tracer is a grandchild (-D), so that the process we end is the server.
local tools = {
  calls = {
    command = "strace -D -f -c -o %s ",
    pattern = "\n%s*[%d.]+%s+[%d.]+%s+[%d.]*%s+(%d+)%s+%d*%s*total",
  },
  instructions = {
    command = "valgrind --tool=callgrind --callgrind-out-file=/dev/null "
      .. "--log-file=%s ",
    pattern = "Collected : (%d+)",
  },
}

-- An `env A=B` in front of the command stays in front of the tool.
local function insert_tool(command, tool)
  local env, rest = command:match("^(env '[^']*' '[^']*') (.*)$")
  if env then return env .. " " .. tool .. rest end
  return tool .. command
end

local function total(tool, case, peer, operations)
  local summary = process.capture("mktemp -u")
  local command = insert_tool(peer.server .. " " .. case.server,
    tool.command:format(summary))
  -- Hash seeds of Lua come from addresses: keep those the same.
  local server = assert(process.start("setarch -R " .. command))
  local result, why = process.run(
    ("build/load %s port=%s secs=120 count=%d"):format(
      case.load, server.port, operations), 2, 150)
  process.stop(server)
  if not result then error(case.name .. ": " .. why, 0) end
  local number = read_number(summary, tool.pattern)
  os.remove(summary)
  return number
end

--- Calls or instructions (`what`) of `peer` for one operation of `case`.
function count.each(what, case, peer)
  local tool, n = tools[what], case.count
  local once = total(tool, case, peer, n)
  return (total(tool, case, peer, 2 * n) - once) / n
end

return count
