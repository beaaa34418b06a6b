--- Measuring the cases: rounds of short slices, peer after peer.
--
-- Each function returns, by peer name, the list of its results in the order
-- of the rounds, or `{ failed = why }`.  A peer that fails once is out of the
-- case: what it did before is worth nothing.

local process = require "runner.process"

local measure = {}

--- Run every entry once a round; an entry has a name and run(secs).
-- A first short round warms up and is forgotten.
local function interleave(entries, settings)
  local results = {}
  for _, entry in ipairs(entries) do results[entry.name] = {} end
  for round = 0, settings.rounds do
    for _, entry in ipairs(entries) do
      local list = results[entry.name]
      if not list.failed then
        local secs = round == 0 and settings.slice / 2 or settings.slice
        local result, why = entry.run(secs)
        if not result then
          results[entry.name] = { failed = why }
        elseif round > 0 then
          list[round] = result
        end
      end
    end
  end
  return results
end

local function run_load(server, load, secs)
  return process.run(("build/load %s port=%s pid=%s secs=%g"):format(
    load, server.port, server.pid, secs), 2)
end

-- The servers named in `commands` (name and command) stay up for all rounds.
local function measure_servers(commands, load, settings)
  local entries, servers = {}, {}
  for i, command in ipairs(commands) do
    local server, why = process.start(command.command)
    servers[#servers + 1] = server
    entries[i] = { name = command.name, run = function(secs)
      if not server then return nil, why end
      return run_load(server, load, secs)
    end }
  end
  local results = interleave(entries, settings)
  for _, server in ipairs(servers) do process.stop(server) end
  return results
end

local function find(peers, name)
  for _, peer in ipairs(peers) do
    if peer.name == name then return peer end
  end
end

function measure.server(case, peers, settings)
  local commands = {}
  for i, peer in ipairs(peers) do
    commands[i] = { name = peer.name,
      command = peer.server .. " " .. case.server }
  end
  return measure_servers(commands, case.load, settings)
end

-- Only quayside has both ways: the names are `server` and `base` of the case.
function measure.pair(case, peers, settings)
  local peer = find(peers, "quayside")
  if not peer then return nil end
  local commands = {}
  for i, way in ipairs { case.base, case.server } do
    commands[i] = { name = way, command = peer.server .. " " .. way }
  end
  return measure_servers(commands, case.load, settings)
end

-- Here the client is measured, so the raw server is on the load's side.
function measure.client(case, peers, settings)
  local server = assert(process.start("build/raw echo", 2))
  local entries = {}
  for _, peer in ipairs(peers) do
    if peer.client then
      entries[#entries + 1] = { name = peer.name, run = function(secs)
        return process.run(("%s port=%s conns=%d secs=%g"):format(
          peer.client, server.port, case.conns, secs), 1)
      end }
    end
  end
  local results = interleave(entries, settings)
  process.stop(server)
  return results
end

-- A new server each time, so that memory starts from nothing; both rates are
-- of the same one, right after each other.
local function idle_round(case, peer, secs)
  local server, why = process.start(peer.server .. " echo")
  if not server then return nil, why end
  local result
  result, why = run_load(server, case.load, secs)
  process.stop(server)
  if not result then return nil, why end
  return {
    bytes = result.rss_per_conn,
    few = result.rate_few,
    many = result.rate,
    flat = result.rate / result.rate_few,
    flat_cpu = result.cpu_us / result.cpu_few_us,
  }
end

function measure.idle(case, peers, settings)
  local results = {}
  for _, peer in ipairs(peers) do results[peer.name] = {} end
  for round = 1, settings.idle_rounds do
    for _, peer in ipairs(peers) do
      if not results[peer.name].failed then
        local result, why = idle_round(case, peer, settings.slice)
        if result then
          results[peer.name][round] = result
        else
          results[peer.name] = { failed = why }
        end
      end
    end
  end
  return results
end

function measure.own(case, peers, settings)
  local peer = find(peers, "quayside")
  if not peer then return nil end
  return interleave({ { name = "quayside", run = function()
    return process.run(("%s %s %d"):format(peer.own, case.name,
      settings.own_count), 1)
  end } }, settings)
end

return measure
