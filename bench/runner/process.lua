--- Starting, pinning and ending the programs that are measured.
-- Standard Lua has only io.popen, so a shell starts what must stay, and the
-- folder BENCH_RUNNING holds its output and a file with its process id.

local process = {}

local RUNNING = assert(os.getenv("BENCH_RUNNING"), "start with run.sh")
local START_TRIES = 400

local function read_all(path)
  local file = io.open(path)
  if not file then return "" end
  local text = file:read("a")
  file:close()
  return text
end

process.read_all = read_all

--- The output of a command without its last line end, and whether it
-- succeeded.
function process.capture(command)
  local pipe = io.popen(command)
  local text = pipe:read("a"):gsub("%s+$", "")
  return text, pipe:close() == true
end

-- The first two processors this process may use.
local function find_cores()
  local allowed = read_all("/proc/self/status"):match(
    "Cpus_allowed_list:%s*([%d,-]+)") or "0"
  local cores = {}
  for first, last in allowed:gmatch("(%d+)%-?(%d*)") do
    for core = tonumber(first), tonumber(last) or tonumber(first) do
      cores[#cores + 1] = core
    end
  end
  return cores
end

local cores = find_cores()
local _, can_pin = process.capture("command -v taskset")
process.pinned = can_pin and #cores >= 2

-- `side` 1 is for what is measured, 2 for what loads it.
local function pin(side, command)
  if not process.pinned then return command end
  return ("taskset -c %d %s"):format(cores[side], command)
end

local function sleep(seconds)
  os.execute("sleep " .. seconds)
end

process.sleep = sleep

--- Start a server; returns it with `pid` and `port`, or nil and why not.
-- The command is not run by a shell of its own that would stay: the process
-- id is the server's.
function process.start(command, side)
  local out = process.capture("mktemp " .. RUNNING .. "/XXXXXX")
  local pid = process.capture(("%s >%s 2>%s.err </dev/null & echo $!"):format(
    pin(side or 1, command), out, out))
  local mark = RUNNING .. "/" .. pid .. ".pid"
  local server = { pid = pid, out = out, mark = mark }
  assert(io.open(server.mark, "w")):close()
  for _ = 1, START_TRIES do
    server.port = read_all(out):match("port (%d+)\n")
    if server.port then return server end
    if not process.is_alive(server) then break end
    sleep(0.05)
  end
  process.stop(server)
  local why = read_all(out .. ".err"):match("[^\n]+") or "it printed no port"
  return nil, why
end

function process.is_alive(server)
  local state = read_all("/proc/" .. server.pid .. "/stat"):match("%) (%a)")
  return state ~= nil and state ~= "Z"
end

--- Ask a server to end and wait until it has.
function process.stop(server)
  if process.is_alive(server) then os.execute("kill " .. server.pid) end
  for _ = 1, START_TRIES do
    if not process.is_alive(server) then break end
    sleep(0.02)
  end
  os.remove(server.mark)
end

local function parse_keys(line)
  local keys = {}
  for key, value in line:gmatch("([%w_]+)=(%S+)") do
    keys[key] = tonumber(value) or value
  end
  return keys
end

--- Run a program that prints one line of key=value; returns its keys, or nil
-- and why not.  One that counts errors must have counted none.
function process.run(command, side, limit)
  local err = RUNNING .. "/load.err"
  local line, good = process.capture(("timeout %d %s 2>%s </dev/null"):format(
    limit or 60, pin(side, command), err))
  local result = parse_keys(line)
  local errors = result.errors or 0
  if good and errors == 0 then return result end
  local why = errors > 0 and errors .. " errors" or "failed"
  return nil, read_all(err):match("[^\n]+") or why
end

return process
