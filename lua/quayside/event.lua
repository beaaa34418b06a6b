--- What an event is: base events, and those made of others.
--
-- An event is immutable: it can be synced again, and by several threads at
-- once.  What one sync registers belongs to its slot (see sync.lua).
--
-- Events of ports and of time are made in C; what is said here holds for them,
-- too.  A base event has the fields of its own and `base`, its class:
--
--   try(event, token, stirred) -> false | true, results... | nil, error
--       Never waits.  If it answers true, it has happened: bytes are taken, a
--       connection is accepted.
--   block(event, slot, i) -> token
--       Registers: with the loop, under the tag i, to be tried again when
--       something stirs; or in a queue, for a partner to call
--       slot:complete(i, result).  A token is what `withdraw` needs, or nil.
--   withdraw(event, token)   optional: out of the queue again.  Registrations
--       with the loop are withdrawn together by the sync.
--   idle(event) -> boolean   optional: true when a try is known to answer
--       false, and to say so needs no system call.
-- @module quayside.event

local core = require "quayside.core"
local queue = require "quayside.queue"

-- The metatable of those made in C.
local Native = core.metatable_of "quayside.event"

local Event = {__name = "quayside.event"}
Event.__index = Event

--- Makes a base event of class `base` from the table `fields`.
local function new_base(base, fields)
  fields.base = base
  return setmetatable(fields, Event)
end

--- Is `v` an event?  Never raises.
-- A value is one, too, if its metatable has `__evt`: an event, or a function
-- of the value that returns one.
local function is_evt(v)
  local metatable = getmetatable(v)
  if metatable == Event or metatable == Native then return true end
  return type(metatable) == "table" and rawget(metatable, "__evt") ~= nil
end

--- The event that a value stands for, or nil.
local function event_of(v)
  for _ = 1, 100 do
    local metatable = getmetatable(v)
    if metatable == Event or metatable == Native then return v end
    local how = type(metatable) == "table" and rawget(metatable, "__evt")
    if not how then return nil end
    if type(how) == "function" then v = how(v) else v = how end
  end
end

--- Is `v` a base event, not one that stands for others?
local function is_base(v)
  local metatable = getmetatable(v)
  return metatable == Native or metatable == Event and v.base ~= nil
end

local function check_event(v, i, name)
  if is_evt(v) then return v end
  error(("bad argument #%d to '%s' (event expected, got %s)")
        :format(i, name, type(v)), 3)
end

local function check_function(f, i, name)
  if type(f) == "function" then return f end
  error(("bad argument #%d to '%s' (function expected, got %s)")
        :format(i, name, type(f)), 3)
end

--- Ready when one of the events is; of nothing, never.
local function choice(...)
  local events = {...}
  for i = 1, select("#", ...) do check_event(events[i], i, "choice") end
  return setmetatable({choice = events}, Event)
end

--- Like `event`, with the results of `f(results of event...)` for results.
-- `f` runs after the choice, with breaks disabled.
local function wrap(event, f)
  check_event(event, 1, "wrap")
  check_function(f, 2, "wrap")
  return setmetatable({inner = event, wrap = f}, Event)
end

--- Like wrap, but `f` is called in tail position of the sync, with breaks as
-- they are.
local function handle(event, f)
  check_event(event, 1, "handle")
  check_function(f, 2, "handle")
  return setmetatable({inner = event, wrap = f, is_handle = true}, Event)
end

--- When `event` has happened, `f(its results...)` makes the event to wait for
-- in its place.
local function replace(event, f)
  check_event(event, 1, "replace")
  check_function(f, 2, "replace")
  return setmetatable({inner = event, replace = f}, Event)
end

--- `f()` is called once at each sync and returns the event to use.  A result
-- that is no event is ready, with the guard as result.
local function guard(f)
  check_function(f, 1, "guard")
  return setmetatable({guard = f}, Event)
end

--- Like guard; `f(nack)` is given an event that becomes ready if this one is
-- not chosen, for whatever reason the sync ends.
local function nack_guard(f)
  check_function(f, 1, "nack_guard")
  return setmetatable({nack_guard = f}, Event)
end

--- Like guard; `f(is_poll)` is told whether the sync only polls.
local function poll_guard(f)
  check_function(f, 1, "poll_guard")
  return setmetatable({poll_guard = f}, Event)
end

-- Latches: ready from one moment on ------------------------------------------

local latch = {
  try = function(event)
    if not event.is_open then return false end
    return true, event
  end,
  block = function(event, slot, i)
    return event.waiting:join(slot, i)
  end,
  withdraw = function(event, entry)
    event.waiting:leave(entry)
  end,
  idle = function(event)
    return not event.is_open
  end,
}

--- A latch: an event that becomes ready when open_latch is called, for ever;
-- itself as result.
local function new_latch()
  return new_base(latch, {waiting = queue.new()})
end

--- Makes a latch ready.
local function open_latch(event)
  event.is_open = true
  local entry = event.waiting.first
  while entry do
    event.waiting:leave(entry)
    entry.slot:complete(entry.i, event)
    entry = event.waiting.first
  end
end

--- Always ready; itself as result.
local always = new_base({
  try = function(event) return true, event end,
  block = function() end,
}, {})

--- Never ready.
local never = new_base({
  try = function() return false end,
  block = function() end,
  idle = function() return true end,
}, {})

return {
  base = new_base,
  is_evt = is_evt,
  is_base = is_base,
  of = event_of,
  choice = choice,
  wrap = wrap,
  handle = handle,
  replace = replace,
  guard = guard,
  nack_guard = nack_guard,
  poll_guard = poll_guard,
  new_latch = new_latch,
  open_latch = open_latch,
  always = always,
  never = never,
}
