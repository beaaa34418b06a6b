--- The cases, in the order in which they are measured and shown.
--
-- kind "server": the peer serves, build/load asks, the measure is the rate.
-- kind "client": the peer asks, build/raw serves.
-- kind "idle": memory of idle connections, and the rate beside many and few.
-- kind "pair": two ways to do the same in quayside, `server` and `base`.
-- kind "own": inside one process of quayside.

local function server(name, title, kind_of_server, load, unit)
  return {
    kind = "server",
    name = name,
    title = title,
    server = kind_of_server,
    load = load,
    unit = unit or "rate",
  }
end

return {
  server("echo-1", "echo, 1 connection", "echo", "echo conns=1"),
  server("echo-64", "echo, 64 connections", "echo", "echo conns=64"),
  server("echo-1000", "echo, 1,000 connections", "echo", "echo conns=1000"),
  server("line-64", "lines, 64 connections", "line", "line conns=64"),
  server("pipeline-64", "16 lines a message", "pipeline",
    "pipeline conns=64 lines=16"),
  server("churn-32", "connect, ask, close", "churn", "churn conns=32"),
  server("down-16k", "down, writes of 16 KiB", "down",
    "down size=16384 bytes=67108864", "mib_s"),
  server("down-1m", "down, writes of 1 MiB", "down",
    "down size=1048576 bytes=67108864", "mib_s"),
  server("up-16k", "up, writes of 16 KiB", "up",
    "up size=16384 bytes=67108864", "mib_s"),
  server("up-1m", "up, writes of 1 MiB", "up",
    "up size=1048576 bytes=67108864", "mib_s"),
  { kind = "idle", name = "idle",
    load = "idle conns=10000 few=1000 warm=100 active=64" },
  { kind = "client", name = "client-1", title = "client, 1 connection",
    conns = 1 },
  { kind = "client", name = "client-64", title = "client, 64 connections",
    conns = 64 },
  { kind = "pair", name = "sync", server = "sync", base = "line",
    load = "line conns=64",
    title = "sync of {read_line event, after(5)} / read_line" },
  { kind = "pair", name = "accept", server = "accept-evt", base = "accept",
    load = "churn conns=32", title = "sync of accept event / accept" },
  { kind = "own", name = "spawn", title = "spawn, run and end a thread" },
  { kind = "own", name = "switch", title = "switch between threads" },
  { kind = "own", name = "channel", title = "a value over a channel" },
  { kind = "own", name = "timers" },
}
