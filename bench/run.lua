-- The comparison.  Started by run.sh, which builds what is measured.
local cases = require "runner.cases"
local chart = require "runner.chart"
local grid = require "runner.grid"
local machine = require "runner.machine"
local measure = require "runner.measure"
local peers = require "runner.peers"
local report = require "runner.report"

local USAGE = "usage: run.sh [--quick] [--case NAME]... [--peer NAME]... "
  .. "[--rounds N] [--slice SECONDS]"

local full = { rounds = 20, slice = 0.15, idle_rounds = 3, own_count = 100000 }
local quick = { rounds = 3, slice = 0.15, idle_rounds = 1, own_count = 30000 }

local function say(line)
  io.stderr:write(line, "\n")
end

local function refuse()
  say(USAGE)
  os.exit(2)
end

-- Whole is true for a run that measures everything at its full length: only
-- that one is worth keeping.
local function parse(arguments)
  local options = { settings = full, whole = #arguments == 0 }
  local function add(set, name)
    options[set] = options[set] or {}
    options[set][name] = true
  end
  local i = 1
  local function value()
    i = i + 1
    return arguments[i] or refuse()
  end
  local changes = {}
  while arguments[i] do
    local argument = arguments[i]
    if argument == "--quick" then
      options.settings = quick
    elseif argument == "--case" then
      add("cases", value())
    elseif argument == "--peer" then
      add("peers", value())
    elseif argument == "--rounds" or argument == "--slice" then
      changes[argument:sub(3)] = tonumber(value()) or refuse()
    else
      refuse()
    end
    i = i + 1
  end
  for key, changed in pairs(changes) do options.settings[key] = changed end
  return options
end

-- A case is wanted by its name or by the first word of it.
local function is_wanted(case, wanted)
  return not wanted or wanted[case.name]
    or wanted[case.name:match("^%w+")]
end

local function measure_all(options, found)
  local measured = {}
  for _, case in ipairs(cases) do
    if is_wanted(case, options.cases) then
      say("measuring " .. case.name)
      measured[#measured + 1] = { case = case,
        results = measure[case.kind](case, found, options.settings) }
    end
  end
  return measured
end

local function write_file(path, text)
  local file = assert(io.open(path, "w"))
  assert(file:write(text))
  assert(file:close())
  say("wrote bench/" .. path)
end

local function machine_text(lines)
  local list = {}
  for i, line in ipairs(lines) do
    list[i] = ("- %s: %s"):format(line[1], line[2])
  end
  return table.concat(list, "\n") .. "\n"
end

-- The sections with their rows drawn by `draw`, titles marked with `mark`.
local function compose(sections, mark, draw)
  local parts = {}
  for _, section in ipairs(sections) do
    parts[#parts + 1] = mark .. section.title .. "\n"
    if section.note then parts[#parts + 1] = section.note .. "\n" end
    parts[#parts + 1] = draw(section.rows)
  end
  return table.concat(parts, "\n")
end

local options = parse(arg)
local found = peers.installed(options.peers, say)
local measured = measure_all(options, found)
local sections = report.sections(measured, found)
local about = machine.describe(found, options.settings)

print(compose(sections, "== ", grid.text))
print(machine_text(about))

local folder = options.whole and "results" or "build"
write_file(folder .. "/table.md", "# The last run\n\n" .. machine_text(about)
  .. "\n" .. compose(sections, "## ", grid.markdown))
write_file(folder .. "/comparison.svg", chart.draw(measured, found,
  ("%s; %s; %s; median of %s"):format(about[1][2], about[2][2], about[3][2],
    about[5][2])))
