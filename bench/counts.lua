-- The check of the counts.  Started by counts.sh.
local count = require "runner.count"
local grid = require "runner.grid"
local peers = require "runner.peers"
local process = require "runner.process"

local RECORD = "counts.txt"
local ALLOWED = 1.10

-- The counts are large enough for several collections of garbage.  With one
-- connection a pause lets the server, slowed by the tool, come to wait.
local ONE, MANY = " conns=1 pause_us=200", " conns=64"

local cases = {
  { name = "echo-1", server = "echo", load = "echo" .. ONE, count = 4000 },
  { name = "echo-64", server = "echo", load = "echo" .. MANY, count = 6400 },
  { name = "line-1", server = "line", load = "line" .. ONE, count = 4000 },
  { name = "line-64", server = "line", load = "line" .. MANY, count = 6400 },
  { name = "pipeline-64", server = "pipeline",
    load = "pipeline lines=16" .. MANY, count = 3200 },
  { name = "sync-1", server = "sync", load = "line" .. ONE, count = 4000,
    only = "quayside" },
  { name = "sync-64", server = "sync", load = "line" .. MANY, count = 6400,
    only = "quayside" },
}

local metrics = { "calls", "instructions" }

local function parse(arguments)
  local options = { peer = "quayside" }
  local i = 1
  while arguments[i] do
    local name = arguments[i]:match("^%-%-(%l+)$")
    if name == "record" then
      options.record = true
    elseif name == "peer" or name == "case" then
      i = i + 1
      options[name] = arguments[i]
    else
      io.stderr:write("usage: counts.sh [--record] [--peer NAME] "
        .. "[--case NAME]\n")
      os.exit(2)
    end
    i = i + 1
  end
  return options
end

-- The lines are "peer case metric number".
local function read_record()
  local record = {}
  local lines = process.read_all(RECORD)
  for key, number in lines:gmatch("([^#%s]%S* %S+ %S+) ([%d.]+)\n") do
    record[key] = tonumber(number)
  end
  return record
end

local function write_record(record)
  local lines = {}
  for key, number in pairs(record) do
    lines[#lines + 1] = ("%s %.2f\n"):format(key, number)
  end
  table.sort(lines)
  local file = assert(io.open(RECORD, "w"))
  file:write("# peer, case, metric, count for one operation\n",
    table.concat(lines))
  assert(file:close())
end

-- What the comparison says of one number, and whether it is bad.
local function judge(number, recorded, options)
  if options.record then return "recorded", false end
  if not recorded then return "not recorded", true end
  if number > recorded * ALLOWED then return "GROWN", true end
  return ("%+.1f %%"):format((number / recorded - 1) * 100), false
end

-- The cases this run asks for and this peer can do.
local function wanted_cases(options, peer)
  local list = {}
  for _, case in ipairs(cases) do
    if (not options.case or options.case == case.name)
      and (not case.only or case.only == peer.name) then
      list[#list + 1] = case
    end
  end
  return list
end

-- Count one metric; returns its row and whether it is bad, and puts the
-- number into the record.
local function check(case, metric, peer, record, options)
  local key = ("%s %s %s"):format(peer.name, case.name, metric)
  local number = count.each(metric, case, peer)
  local verdict, bad = judge(number, record[key], options)
  local before = record[key] and ("%.2f"):format(record[key]) or "-"
  record[key] = number
  return { key, ("%.2f"):format(number), before, verdict }, bad
end

local function run(options, peer)
  local record, good = read_record(), true
  local rows = { { "", "counted", "recorded", "" } }
  for _, case in ipairs(wanted_cases(options, peer)) do
    for _, metric in ipairs(metrics) do
      local row, bad = check(case, metric, peer, record, options)
      rows[#rows + 1] = row
      good = good and not bad
    end
  end
  print(grid.text(rows))
  if options.record then write_record(record) end
  return good
end

local options = parse(arg)
local found = peers.installed({ [options.peer] = true }, print)
for _, peer in ipairs(found) do
  if peer.name == options.peer then
    local good = run(options, peer)
    if not good then print("a count has grown, or was never recorded") end
    os.exit(good)
  end
end
os.exit(false)
