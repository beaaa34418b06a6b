--- From results to tables.  A section is a title, a note and rows.

local median = require "runner.median"

local report = {}

local function number(value, format)
  return value and format:format(value) or "-"
end

-- 12345.6 as 12,346.
local function whole(value)
  if not value then return "-" end
  local text = ("%.0f"):format(value):reverse():gsub("(%d%d%d)", "%1,")
  return (text:reverse():gsub("^,", ""))
end

local function of_kind(measured, kind)
  local list = {}
  for _, entry in ipairs(measured) do
    if entry.case.kind == kind and entry.results then
      list[#list + 1] = entry
    end
  end
  return list
end

--- The ratio to raw C in the same round, and that of CPU time for one
-- operation; nil and why for a peer that failed.
function report.ratios(entry, peer)
  local rounds, base = entry.results[peer.name], entry.results.raw
  if not rounds or rounds.failed then
    return nil, nil, rounds and rounds.failed
  end
  return median.ratio(rounds, base, entry.case.unit or "rate"),
    median.ratio(rounds, base, "cpu_us")
end

local function ratio_cell(entry, peer)
  local ratio, cpu, failed = report.ratios(entry, peer)
  if failed then return "fails" end
  if not ratio then return "-" end
  return cpu and ("%.2f (%.2f)"):format(ratio, cpu) or ("%.2f"):format(ratio)
end

local function ratio_section(measured, peers)
  local entries, rows = of_kind(measured, "server"), { { "" } }
  for _, entry in ipairs(entries) do
    table.insert(rows[1], entry.case.name)
  end
  for _, peer in ipairs(peers) do
    local row = { peer.title }
    for _, entry in ipairs(entries) do
      row[#row + 1] = ratio_cell(entry, peer)
    end
    rows[#rows + 1] = row
  end
  return {
    title = "Rate as a ratio to raw C",
    note = "Larger is better; in brackets the CPU time of the server for "
      .. "one operation as a ratio to raw C, where smaller is better.",
    rows = #entries > 0 and rows,
  }
end

local function idle_row(peer, rounds)
  if rounds.failed then
    return { peer.title, "fails", "-", "-", "-", "-" }
  end
  return {
    peer.title,
    whole(median.key(rounds, "bytes")),
    whole(median.key(rounds, "few")),
    whole(median.key(rounds, "many")),
    number(median.key(rounds, "flat"), "%.2f"),
    number(median.key(rounds, "flat_cpu"), "%.2f"),
  }
end

local function idle_section(measured, peers)
  local entry = of_kind(measured, "idle")[1]
  local rows = { { "", "bytes each", "rate at 1,000", "rate at 10,000",
    "ratio", "CPU ratio" } }
  for _, peer in ipairs(entry and peers or {}) do
    rows[#rows + 1] = idle_row(peer, entry.results[peer.name])
  end
  return {
    title = "10,000 connections, mostly idle",
    note = "Resident memory of the server for one connection, and echoes a "
      .. "second over 64 of them beside 1,000 and 10,000 in all; the ratios "
      .. "are 10,000 to 1,000, of the rate and of CPU time for one echo.",
    rows = entry and rows,
  }
end

local function client_section(measured, peers)
  local rows = { { "", "round trips/s", "ratio to raw C" } }
  for _, entry in ipairs(of_kind(measured, "client")) do
    for _, peer in ipairs(peers) do
      local rounds = entry.results[peer.name]
      if rounds then
        rows[#rows + 1] = { entry.case.title .. ": " .. peer.title,
          whole(median.key(rounds, "rate")), ratio_cell(entry, peer) }
      end
    end
  end
  return {
    title = "As client of a raw C echo server",
    note = "64 bytes to and fro.",
    rows = #rows > 1 and rows,
  }
end

local function pair_row(entry)
  local base = entry.results[entry.case.base]
  local rounds = entry.results[entry.case.server]
  if base.failed or rounds.failed then
    return { entry.case.title, "fails", "-", "-" }
  end
  return {
    entry.case.title,
    whole(median.key(base, "rate")),
    whole(median.key(rounds, "rate")),
    number(median.ratio(rounds, base, "rate"), "%.2f"),
  }
end

local function pair_section(measured)
  local rows = { { "", "plain/s", "event/s", "ratio" } }
  for _, entry in ipairs(of_kind(measured, "pair")) do
    rows[#rows + 1] = pair_row(entry)
  end
  return {
    title = "What events cost",
    note = "quayside with itself, the event form against the plain call.",
    rows = #rows > 1 and rows,
  }
end

local timers = {
  { "wait for a semaphore, no time-out", "ns_plain" },
  { "the same with a time-out, beside 100 sleepers", "ns_100" },
  { "the same with a time-out, beside 100,000 sleepers", "ns_100000" },
  { "and with the collector, which marks them", "ns_marked" },
}

local function own_section(measured)
  local rows = { { "", "ns of CPU" } }
  for _, entry in ipairs(of_kind(measured, "own")) do
    local rounds = entry.results.quayside
    local parts = entry.case.title and { { entry.case.title, "ns" } } or timers
    for _, part in ipairs(parts) do
      rows[#rows + 1] = { part[1], rounds.failed and "fails"
        or whole(median.key(rounds, part[2])) }
    end
  end
  return {
    title = "Inside one process",
    note = "quayside alone.",
    rows = #rows > 1 and rows,
  }
end

local function detail_row(entry, peer)
  local rounds = entry.results[peer.name]
  local name = entry.case.name .. ": " .. peer.title
  if rounds.failed then return { name, "fails", "-", "-", "-" } end
  local rate = median.key(rounds, entry.case.unit)
  local bulk = entry.case.unit == "mib_s"
  return {
    name,
    whole(rate) .. (bulk and " MiB" or ""),
    bulk and "-" or whole(median.key(rounds, "p50")),
    bulk and "-" or whole(median.key(rounds, "p99")),
    number(median.key(rounds, "cpu_us"), bulk and "%.0f" or "%.2f"),
  }
end

local function detail_section(measured, peers)
  local rows = { { "", "each second", "p50 us", "p99 us", "server CPU us" } }
  for _, entry in ipairs(of_kind(measured, "server")) do
    for _, peer in ipairs(peers) do
      rows[#rows + 1] = detail_row(entry, peer)
    end
  end
  return {
    title = "In numbers",
    note = "Messages, connections or MiB each second; the server's CPU time "
      .. "is for one of them, of the bulk cases for one transfer of 64 MiB.",
    rows = #rows > 1 and rows,
  }
end

local function sorted_names(results)
  local names = {}
  for name in pairs(results) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function failure_section(measured)
  local rows = { { "", "why" } }
  for _, entry in ipairs(measured) do
    for _, name in ipairs(sorted_names(entry.results or {})) do
      local why = entry.results[name].failed
      if why then rows[#rows + 1] = { entry.case.name .. ": " .. name, why } end
    end
  end
  return { title = "Failures", rows = #rows > 1 and rows }
end

--- All sections that have something to show.
function report.sections(measured, peers)
  local all = {
    ratio_section(measured, peers),
    idle_section(measured, peers),
    client_section(measured, peers),
    pair_section(measured),
    own_section(measured),
    detail_section(measured, peers),
    failure_section(measured),
  }
  local shown = {}
  for _, section in ipairs(all) do
    if section.rows then shown[#shown + 1] = section end
  end
  return shown
end

return report
