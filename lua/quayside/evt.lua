--- Synchronizable events.
--
-- An event is a value that says what to wait for; `sync` waits.  Events are
-- John Reppy's ("Concurrent Programming in ML", 1999) as Racket has them (the
-- Racket reference, "Events"): `choice` of several, `wrap` to work on the
-- result, `guard` to make an event at the last moment, `nack_guard` to hear of
-- losing.  An event is immutable; it can be synced again, and by several
-- threads at once.
--
-- A base event is a table with the fields of its own and `base`, its class:
--
--   try(event, token, stirred) -> false | true, results... | nil, error
--       Never waits.  If it answers true, it has happened: bytes are taken, a
--       connection is accepted.
--   block(event, slot, i) -> token
--       Registers: with the loop, under the tag i, to be tried again when
--       something stirs; or in a queue, for a partner to call
--       slot:complete(i, result).
--   withdraw(event, token)   optional: out of the queue again.  Registrations
--       with the loop are withdrawn together by the sync.
--   idle(event) -> boolean   optional: true when a try is known to answer
--       false, and to say so needs no system call.
--
-- One sync goes like this.  The events are taken apart into their base events,
-- the cases.  All cases are tried in random order.  If none has happened, all
-- are registered, and the thread waits.  As soon as one has happened all the
-- others are withdrawn, before any other thread runs; then wraps are called.
--
-- Differences from Reppy: results may be any number of values; what a sync has
-- registered belongs to its slot, never to the event.  From Racket: `wrap` of
-- a `handle` is allowed, and then works like wrap of wrap.
-- @module quayside.evt

local core = require "quayside.core"
local queue = require "quayside.queue"

local random = math.random

-- Events ----------------------------------------------------------------------

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
  if metatable == Event then return true end
  return type(metatable) == "table" and rawget(metatable, "__evt") ~= nil
end

-- The event that a value stands for, or nil.
local function event_of(v)
  for _ = 1, 100 do
    local metatable = getmetatable(v)
    if metatable == Event then return v end
    local how = type(metatable) == "table" and rawget(metatable, "__evt")
    if not how then return nil end
    if type(how) == "function" then v = how(v) else v = how end
  end
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

-- Latches: ready from one moment on -----------------------------------------------

local latch = {
  try = function(event)
    if not event.is_open then return false end
    return true, event
  end,
  block = function(event, slot, i)
    return event.waiting:join {slot = slot, i = i}
  end,
  withdraw = function(event, entry)
    event.waiting:leave(entry)
  end,
  idle = function(event)
    return not event.is_open
  end,
}

local function new_latch()
  return new_base(latch, {waiting = queue.new()})
end

local function open_latch(event)
  event.is_open = true
  local entry = event.waiting.first
  while entry do
    event.waiting:leave(entry)
    entry.slot:complete(entry.i, event)
    entry = event.waiting.first
  end
end

-- Taking events apart -----------------------------------------------------------

-- The slot of one sync: its cases and what it has registered.
--
--   cases[i]   a base event        tokens[i]  what its block returned
--   wraps[i]   a list of {f, is_handle, next}, innermost first, or nil
--   nacks[i]   a list of {latch, next}: those that a win of case i spares
--   all_nacks  every latch that was made
local Slot = {}
Slot.__index = Slot

local add

-- What a guard has made; what is no event is ready, with the guard as result.
local function add_guarded(slot, event, made, wraps, nacks)
  if is_evt(made) then return add(slot, event_of(made), wraps, nacks) end
  wraps = {f = function() return event end, next = wraps}
  return add(slot, new_base(latch, {is_open = true}), wraps, nacks)
end

local function add_nack_guard(slot, event, wraps, nacks)
  local nack = new_latch()
  slot.all_nacks = {latch = nack, next = slot.all_nacks}
  local result = event.nack_guard(nack)
  return add_guarded(slot, event, result, wraps, {latch = nack, next = nacks})
end

function add(slot, event, wraps, nacks)
  if event.base then
    local n = slot.n + 1
    slot.n = n
    slot.cases[n] = event
    if wraps then slot.wraps[n] = wraps end
    if nacks then slot.nacks[n] = nacks end
  elseif event.choice then
    for _, each in ipairs(event.choice) do
      add(slot, event_of(each), wraps, nacks)
    end
  elseif event.wrap then
    wraps = {f = event.wrap, is_handle = event.is_handle, next = wraps}
    add(slot, event_of(event.inner), wraps, nacks)
  elseif event.replace then
    wraps = {replace = event.replace, next = wraps}
    slot.has_replacement = true
    add(slot, event_of(event.inner), wraps, nacks)
  elseif event.guard then
    add_guarded(slot, event, event.guard(), wraps, nacks)
  elseif event.nack_guard then
    add_nack_guard(slot, event, wraps, nacks)
  else
    add_guarded(slot, event, event.poll_guard(slot.is_poll), wraps, nacks)
  end
end

-- The end of a sync ---------------------------------------------------------------

-- Withdraws what is registered in queues.
local function leave_queues(slot)
  local tokens, cases = slot.tokens, slot.cases
  if not tokens then return end
  slot.tokens = nil
  for i, token in pairs(tokens) do
    local case = cases[i]
    local withdraw = case.base.withdraw
    if withdraw then withdraw(case, token) end
  end
end

--- Called by the partner who completes case i.  Everything else the sync has
-- registered is withdrawn before anyone else can run.
-- @treturn boolean false if the thread is not to be had any more (a break has
--   reached it)
function Slot:complete(i, result)
  if self.winner or not core.claim(self.thread) then return false end
  self.winner = i
  self.result = result
  leave_queues(self)
  return true
end

-- The latches that no win of case `winner` spares are opened.
local function open_nacks(slot)
  local spared = {}
  local each = slot.winner and slot.nacks[slot.winner]
  while each do
    spared[each.latch] = true
    each = each.next
  end
  each = slot.all_nacks
  slot.all_nacks = nil
  while each do
    if not spared[each.latch] then open_latch(each.latch) end
    each = each.next
  end
end

-- Runs however the sync ends: by a winner, a time-out, an error, a break or
-- the death of the thread.
function Slot:__close()
  if self.is_registered then
    core.unwatch()
    leave_queues(self)
  end
  if self.enables_break then core.settle() end
  if self.all_nacks then open_nacks(self) end
end

-- Trying ------------------------------------------------------------------------------

local TIMED_OUT = 0

-- The outcome of a try: false, or the number of the winner and its results.
local function settle(slot, i, happened, ...)
  if happened then
    slot.winner = i
    return i, ...
  elseif happened == nil then
    slot.winner = i
    error((...), 0)
  end
  return false
end

local function is_all_idle(slot)
  local cases = slot.cases
  for i = 1, slot.n do
    local case = cases[i]
    local idle = case.base.idle
    if not idle or not idle(case) then return false end
  end
  return true
end

local try_some

local function try_next(slot, order, n, i, ...)
  if i then return i, ... end
  return try_some(slot, order, n)
end

-- Tries the cases order[1..n], the next one at random.
function try_some(slot, order, n)
  if n == 0 then return false end
  local k = n == 1 and 1 or random(n)
  local i = order[k]
  order[k] = order[n]
  local case = slot.cases[i]
  return try_next(slot, order, n - 1, settle(slot, i, case.base.try(case)))
end

local function try_all(slot)
  local order = {}
  for i = 1, slot.n do order[i] = i end
  return try_some(slot, order, slot.n)
end

-- Waiting -----------------------------------------------------------------------

local function register(slot)
  local cases, tokens = slot.cases, {}
  slot.thread = core.current()
  slot.tokens = tokens
  slot.is_registered = true
  if slot.deadline then
    core.watch_time(slot.deadline - core.now(), TIMED_OUT)
  elseif slot.timeout then
    core.watch_time(slot.timeout, TIMED_OUT)
  end
  for i = 1, slot.n do
    local case = cases[i]
    tokens[i] = case.base.block(case, slot, i)
  end
end

local wait

local function wait_on(slot, i, ...)
  if i then return i, ... end
  return wait(slot)
end

-- Until a case has happened; TIMED_OUT if the time has come first.
function wait(slot)
  local tag = core.wait()
  if slot.winner then return slot.winner, slot.result end
  if not tag then return wait(slot) end
  if tag == TIMED_OUT then return TIMED_OUT end
  local case = slot.cases[tag]
  return wait_on(slot, settle(slot, tag,
                              case.base.try(case, slot.tokens[tag], true)))
end

-- Wraps and replacements ------------------------------------------------------------

local function breaks_back(was, ok, ...)
  core.set_break_enabled(was)
  if not ok then error(..., 0) end
  return ...
end

local function call_undisturbed(f, ...)
  return breaks_back(core.set_break_enabled(false), pcall(f, ...))
end

-- Passes the results of the winner through its wraps.
local function deliver(wraps, ...)
  if not wraps then return ... end
  if wraps.next or not wraps.is_handle then
    return deliver(wraps.next, call_undisturbed(wraps.f, ...))
  end
  return wraps.f(...)
end

local never = setmetatable({base = {
  try = function() return false end,
  block = function() end,
  idle = function() return true end,
}}, Event)

local attempt

-- Case i has happened, but only to be replaced.
local function substitute(slot, i, wraps, ...)
  if not wraps.replace then
    return substitute(slot, i, wraps.next, call_undisturbed(wraps.f, ...))
  end
  core.unwatch()
  leave_queues(slot)
  local nacks = slot.nacks[i]
  slot.winner, slot.cases[i], slot.wraps[i], slot.nacks[i] = nil, never, nil, nil
  local made = wraps.replace(...)
  if not is_evt(made) then
    error("replace: the function returned no event", 0)
  end
  add(slot, event_of(made), wraps.next, nacks)
  return attempt(slot)
end

local function has_replacement(wraps)
  while wraps and not wraps.replace do wraps = wraps.next end
  return wraps
end

-- Sync ----------------------------------------------------------------------------------

local function decide(slot, i, ...)
  if slot.has_replacement and i ~= TIMED_OUT
     and has_replacement(slot.wraps[i]) then
    return substitute(slot, i, slot.wraps[i], ...)
  end
  return i, ...
end

local function wait_registered(slot)
  register(slot)
  return decide(slot, wait(slot))
end

local function or_wait(slot, i, ...)
  if i then return decide(slot, i, ...) end
  if slot.is_poll then return TIMED_OUT end
  return wait_registered(slot)
end

function attempt(slot)
  if not slot.is_poll and is_all_idle(slot) then
    return wait_registered(slot)
  end
  return or_wait(slot, try_all(slot))
end

-- The number of the winner, or TIMED_OUT, and its results.
local function perform(slot, events)
  local _ <close> = slot
  if slot.enables_break then core.prepare(true) end
  for i = 1, #events do add(slot, event_of(events[i])) end
  if slot.has_replacement and slot.timeout then
    slot.deadline = core.now() + slot.timeout
  end
  return attempt(slot)
end

local function finish(slot, on_timeout, i, ...)
  if i ~= TIMED_OUT then return deliver(slot.wraps[i], ...) end
  if on_timeout then return on_timeout() end
  return nil
end

local function new_slot(timeout, enables_break)
  return setmetatable({
    n = 0, cases = {}, wraps = {}, nacks = {},
    timeout = timeout, is_poll = timeout == 0, enables_break = enables_break,
  }, Slot)
end

local function check_events(first, name, ...)
  local events = {...}
  for i = 1, select("#", ...) do
    if not is_evt(events[i]) then
      error(("bad argument #%d to '%s' (event expected, got %s)")
            :format(first + i - 1, name, type(events[i])), 4)
    end
  end
  return events
end

local function sync_all(name, enables_break, ...)
  local events = check_events(1, name, ...)
  local slot = new_slot(nil, enables_break)
  return finish(slot, nil, perform(slot, events))
end

local function check_timeout(timeout, name)
  if timeout == nil or type(timeout) == "function" then return end
  if type(timeout) ~= "number" then
    error(("bad argument #1 to '%s' (number of seconds, function or nil "
           .. "expected, got %s)"):format(name, type(timeout)), 4)
  elseif not (timeout >= 0) then
    error(("bad argument #1 to '%s' (seconds must not be negative)")
          :format(name), 4)
  end
end

local function sync_for(name, enables_break, timeout, ...)
  check_timeout(timeout, name)
  local events = check_events(2, name, ...)
  if type(timeout) == "function" then
    local slot = new_slot(0, enables_break)
    return finish(slot, timeout, perform(slot, events))
  end
  local slot = new_slot(timeout, enables_break)
  return finish(slot, nil, perform(slot, events))
end

--- Waits for one of the events, one at random if several are ready.
-- @return its results
local function sync(...)
  return sync_all("sync", false, ...)
end

--- Waits at most so long; 0 polls.
-- @tparam number|nil|function timeout seconds; nil: for ever; a function:
--   polls, and is called if nothing is ready
-- @return the results of the event; nil, or those of the function, if the time
--   has come first
local function sync_timeout(timeout, ...)
  return sync_for("sync_timeout", false, timeout, ...)
end

--- Like sync, with breaks enabled while it waits: either an event is chosen or
-- a break is raised, never both.
local function sync_enable_break(...)
  return sync_all("sync_enable_break", true, ...)
end

--- Like sync_timeout, with breaks enabled while it waits.
local function sync_timeout_enable_break(timeout, ...)
  return sync_for("sync_timeout_enable_break", true, timeout, ...)
end

-- Time ------------------------------------------------------------------------------------

local timer = {
  try = function(event, _, stirred)
    if stirred or event.seconds <= 0 then return true, event end
    return false
  end,
  block = function(event, _, i)
    core.watch_time(event.seconds, i)
  end,
  idle = function(event)
    return event.seconds > 0
  end,
}

local clock = {
  try = function(event, _, stirred)
    if stirred or core.now() >= event.time then return true, event end
    return false
  end,
  block = function(event, _, i)
    core.watch_time(event.time - core.now(), i)
  end,
}

local function check_number(v, name)
  if type(v) ~= "number" or v ~= v then
    error(("bad argument #1 to '%s' (number of seconds expected, got %s)")
          :format(name, type(v)), 3)
  end
  return v
end

--- Ready so many seconds after a sync has begun to wait for it; itself as
-- result.
local function after(seconds)
  if check_number(seconds, "after") < 0 then
    error("bad argument #1 to 'after' (seconds must not be negative)", 2)
  end
  return new_base(timer, {seconds = seconds})
end

--- Ready from a moment on; itself as result.
-- @tparam number time seconds since the epoch
local function alarm(time)
  return new_base(clock, {time = check_number(time, "alarm")})
end

local always = new_base({
  try = function(event) return true, event end,
  block = function() end,
}, {})

return {
  base = new_base,
  new_latch = new_latch,
  open_latch = open_latch,
  is_evt = is_evt,
  choice = choice,
  wrap = wrap,
  handle = handle,
  replace = replace,
  guard = guard,
  nack_guard = nack_guard,
  poll_guard = poll_guard,
  sync = sync,
  sync_timeout = sync_timeout,
  sync_enable_break = sync_enable_break,
  sync_timeout_enable_break = sync_timeout_enable_break,
  always = always,
  never = never,
  after = after,
  alarm = alarm,
}
