--- What the figures were measured on.

local process = require "runner.process"

local function cpu_model()
  return process.read_all("/proc/cpuinfo"):match("model name%s*:%s*([^\n]+)")
    or process.capture("uname -m")
end

local function libevent_version()
  local version, good = process.capture(
    "pkg-config --modversion libevent_core 2>/dev/null")
  return good and version or "unknown"
end

--- A list of lines, each a name and what it is.
local function describe(peers, settings)
  local lines = {
    { "date", os.date("!%Y-%m-%d %H:%M UTC") },
    { "processor", ("%s, %s cores"):format(cpu_model(),
      (process.capture("nproc"))) },
    { "kernel", (process.capture("uname -sr")) },
    { "pinned", process.pinned and "what is measured on one core, "
      .. "its load on another" or "no" },
    { "rounds", ("%d of %g s"):format(settings.rounds, settings.slice) },
    { "Lua", (process.capture("lua5.4 -v")):match("Lua %S+") },
    { "libevent", libevent_version() },
  }
  for _, peer in ipairs(peers) do
    lines[#lines + 1] = { peer.title, peer.is_version }
  end
  return lines
end

return { describe = describe }
