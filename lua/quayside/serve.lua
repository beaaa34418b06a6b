--- A server: one thread and one custodian for each connection.
-- @module quayside.serve

local core = require "quayside.core"
local custodian = require "quayside.custodian"
local evt = require "quayside.evt"
local semaphore = require "quayside.semaphore"
local is_network = require("quayside.error").is_network

-- How long accepting rests after a failure: from the first to the longest.
local FIRST_REST_S, LONGEST_REST_S = 0.01, 1

local Server = {__name = "quayside.server"}
Server.__index = Server

-- A server is an event: ready when it has come to its end, itself as result.
-- That is when the last connection has, or when its custodian is shut down:
-- threads that had not yet begun cannot count themselves out.
function Server:__evt()
  return evt.wrap(evt.choice(self.ended, self.custodian),
                  function() return self end)
end

local function end_if_done(server)
  if server.is_accepting or server.active > 0 then return end
  evt.open_latch(server.ended)
end

-- Connections ----------------------------------------------------------------

-- A connection's thread is dead, however it ended.
local function count_out(server)
  server.active = server.active - 1
  if server.room then server.room:post() end
  if server.is_starved then server.freed:post() end
  end_if_done(server)
end

-- Abandoning the output flushes it and leaves the end to the final close: one
-- system call less than closing it first, and the client cannot tell.
local function close_ports(input, output)
  output:abandon()
  input:close()
end

-- What a connection's thread does when its handler has failed, or has returned
-- and left something to wait for.  With the thread goes its custodian.
local function finish(server, input, output, ok, err, traceback)
  if ok then ok, err = pcall(close_ports, input, output) end
  if not ok then pcall(server.on_error, err, traceback or "") end
end

core.on_connection(finish, count_out)

-- Accepting ------------------------------------------------------------------

-- After a failure of accept: until a connection ends, or for a while.
local function rest(server, seconds)
  server.is_starved = true
  while server.freed:try_wait() do end
  evt.sync_timeout(seconds, server.freed)
  server.is_starved = false
  return math.min(seconds * 2, LONGEST_REST_S)
end

local function is_over(err)
  return type(err) == "table"
         and (err.code == "closed" or err.code == "custodian")
end

local function report_starvation(server, err)
  if server.has_reported then return end
  server.has_reported = true
  pcall(server.on_error, err, "")
end

local function accept_next(server, rest_s)
  local ok, err = pcall(core.serve_next, server.listener, server.custodian,
                        server, server.handler)
  if ok then
    server.active = server.active + 1
    return true
  end
  if is_over(err) then return false end
  if not is_network(err) then error(err, 0) end
  report_starvation(server, err)
  return nil, rest(server, rest_s)
end

local function accept_all(server)
  local rest_s = FIRST_REST_S
  while true do
    if server.room then server.room:wait() end
    local going_on, next_rest_s
    repeat
      going_on, next_rest_s = accept_next(server, rest_s)
      rest_s = next_rest_s or FIRST_REST_S
    until going_on ~= nil
    if not going_on then return end
    server.has_reported = false
  end
end

local function end_accepting(server)
  server.is_accepting = false
  end_if_done(server)
end

local Accepting = {__close = function(self) end_accepting(self.server) end}

local function accept_until_stopped(server)
  local _ <close> = setmetatable({server = server}, Accepting)
  accept_all(server)
end

-- The server -----------------------------------------------------------------

--- Stops accepting, waits for the connections under way, then shuts down what
-- is left of them.  A listener that was handed to serve stays open.
-- @tparam[opt] number grace_s how long to wait; without it, as long as it takes
function Server:stop(grace_s)
  if grace_s ~= nil and (type(grace_s) ~= "number" or grace_s < 0
                          or grace_s ~= grace_s) then
    error("bad argument #1 to 'stop' (seconds must be a number, not negative)",
          2)
  end
  self.acceptor:kill()
  end_accepting(self) -- it may not even have begun
  if self.owns_listener and not self.listener:is_closed() then
    self.listener:close()
  end
  evt.sync_timeout(grace_s, self.ended)
  self.custodian:shutdown_all()
end

--- Waits until the server has come to its end.
function Server:wait()
  evt.sync(self)
end

--- The addresses of the listener, as tcp.addresses.
function Server:addresses(port_numbers)
  return core.addresses(self.listener, port_numbers)
end

local function report(err, traceback)
  io.stderr:write("quayside: error in a connection: ", tostring(err), "\n",
                  traceback or "", "\n")
end

local function check(condition, i, message)
  if not condition then
    error(("bad argument #%d to 'serve' (%s)"):format(i, message), 4)
  end
end

local function check_arguments(where, handler, options)
  check(core.is_listener(where) or core.is_listen_port_number(where), 1,
        "port number or listener expected, got " .. type(where))
  check(type(handler) == "function", 2,
        "function expected, got " .. type(handler))
  check(type(options) == "table", 3, "table expected, got " .. type(options))
  local max = options.max_connections
  check(max == nil or math.type(max) == "integer" and max > 0, 3,
        "max_connections must be a positive integer")
  check(options.on_error == nil or type(options.on_error) == "function", 3,
        "on_error must be a function")
end

local function listen(where, options, owner)
  if core.is_listener(where) then return where end
  local reuse = options.reuse
  if reuse == nil then reuse = true end
  return owner:with(core.listen, where, options.max_allow_wait or 1024, reuse,
                    options.hostname, options.reuseport)
end

--- Accepts connections and calls `handler(input, output)` for each, in a thread
-- of its own, under a custodian of its own, with the output in "auto" mode.
--
-- When the handler returns, both ports are closed (the output is flushed) and
-- the custodian is shut down.  Its error shuts the custodian down at once, ends
-- only this connection, and is reported to
-- `options.on_error(error, traceback)`.
--
-- @tparam integer|listener where a port number to listen on, or a listener
-- @tparam function handler
-- @tparam[opt] table options `hostname`, `max_allow_wait` (1024), `reuse`
--   (true), `reuseport`, for a port number; `max_connections`; `on_error`
-- @return a server
local function serve(where, handler, options)
  options = options == nil and {} or options
  check_arguments(where, handler, options)
  local owner = custodian.new()
  local server = setmetatable({
    handler = handler,
    on_error = options.on_error or report,
    custodian = owner,
    listener = listen(where, options, owner),
    owns_listener = not core.is_listener(where),
    active = 0,
    is_accepting = true,
    room = options.max_connections and semaphore.new(options.max_connections),
    freed = semaphore.new(),
    ended = evt.new_latch(),
  }, Server)
  server.acceptor = core.spawn_for(owner, accept_until_stopped, server)
  return server
end

return {serve = serve}
