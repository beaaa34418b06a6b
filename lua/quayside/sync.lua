--- How a sync goes.
--
-- The events are taken apart into base events, the cases.  All cases are tried,
-- in random order.  If none has happened, all are registered, and the thread
-- waits.  As soon as one has happened the others are withdrawn, before any
-- other thread runs; then wraps are called.  Where every case is
-- known to be idle, the first round of tries is left out: the loop will tell.
-- Where all were made in C, core.sync does the same, faster.
-- @module quayside.sync

local core = require "quayside.core"
local cases = require "quayside.cases"
local events = require "quayside.event"

local is_evt, event_of = events.is_evt, events.of
local add = cases.add
local random = math.random
local are_native, native_sync = core.are_events, core.sync

-- What `wait` answers when the time has come.
local TIMED_OUT = 0

-- The slot of one sync:
--
--   [1..n]     the cases, base events
--   tokens[i]  what the block of case i returned
--   wraps[i]   a list of {f, is_handle, next}, innermost first, or nil
--   nacks[i]   a list of {latch, next}: those that a win of case i spares
--   all_nacks  a list of every latch that was made
--   winner     the number of the case that has happened, and its `result` if a
--              partner has completed it
local Slot = {}
Slot.__index = Slot

-- The end of a sync ----------------------------------------------------------

-- Withdraws what is registered in queues.
local function leave_queues(slot)
  local tokens = slot.tokens
  if not tokens then return end
  slot.tokens = false
  for i = 1, slot.n do
    local case, token = slot[i], tokens[i]
    local withdraw = token and case.base.withdraw
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
    if not spared[each.latch] then events.open_latch(each.latch) end
    each = each.next
  end
end

-- Runs however the sync ends: by a winner, a time-out, an error, a break or
-- the death of the thread.
function Slot:__close()
  if self.is_registered then
    core.unwatch()
    if self.tokens then leave_queues(self) end
  end
  if self.enables_break then core.settle() end
  if self.all_nacks then open_nacks(self) end
end

-- Trying ---------------------------------------------------------------------

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
  for i = 1, slot.n do
    local case = slot[i]
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
  local k = random(n)
  local i = order[k]
  order[k] = order[n]
  local case = slot[i]
  return try_next(slot, order, n - 1, settle(slot, i, case.base.try(case)))
end

local function try_all(slot)
  if slot.n == 1 then
    local case = slot[1]
    return settle(slot, 1, case.base.try(case))
  end
  local order = {}
  for i = 1, slot.n do order[i] = i end
  return try_some(slot, order, slot.n)
end

-- Waiting --------------------------------------------------------------------

local function watch_timeout(slot)
  local timeout = slot.timeout
  if slot.deadline then timeout = slot.deadline - core.now() end
  if timeout then core.watch_time(timeout, TIMED_OUT) end
end

local function register(slot)
  slot.is_registered = true
  for i = 1, slot.n do
    local case = slot[i]
    local token = case.base.block(case, slot, i)
    if token then
      slot.thread = slot.thread or core.current()
      if slot.tokens then slot.tokens[i] = token
      else slot.tokens = {[i] = token} end
    end
  end
  if slot.timeout then watch_timeout(slot) end
end

local function token_of(slot, i)
  return slot.tokens and slot.tokens[i]
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
  local case = slot[tag]
  return wait_on(slot, settle(slot, tag,
                              case.base.try(case, token_of(slot, tag), true)))
end

-- Wraps and replacements -----------------------------------------------------

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

local attempt

-- Case i has happened, but only to be replaced.
local function substitute(slot, i, wraps, ...)
  if not wraps.replace then
    return substitute(slot, i, wraps.next, call_undisturbed(wraps.f, ...))
  end
  core.unwatch()
  leave_queues(slot)
  local nacks = slot.nacks[i]
  slot.winner, slot[i] = false, events.never
  slot.wraps[i], slot.nacks[i] = nil, nil
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

local function decide(slot, i, ...)
  if slot.has_replacement and i ~= TIMED_OUT
     and has_replacement(slot.wraps[i]) then
    return substitute(slot, i, slot.wraps[i], ...)
  end
  return i, ...
end

-- Sync -----------------------------------------------------------------------

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
local function perform(slot)
  local _ <close> = slot
  core.prepare(slot.enables_break)
  if not slot.is_flat then cases.take_apart(slot) end
  if slot.has_replacement and slot.timeout then
    slot.deadline = core.now() + slot.timeout
  end
  return attempt(slot)
end

local function finish(slot, on_timeout, i, ...)
  if i == TIMED_OUT then
    if on_timeout then return on_timeout() end
    return nil
  end
  if slot.is_flat then return ... end
  return deliver(slot.wraps[i], ...)
end

-- A slot for the events, which are checked.
local function slot_for(first, name, ...)
  -- The fields are named here so that the table need not grow.
  local slot = setmetatable({
    n = select("#", ...), is_flat = false, is_poll = false,
    is_registered = false, tokens = false, thread = false, winner = false,
    result = false, ...
  }, Slot)
  slot.is_flat = cases.is_flat(slot)
  if not slot.is_flat then cases.check(slot, first, name) end
  return slot
end

local function sync_slot(slot, timeout)
  if type(timeout) == "function" then
    slot.is_poll = true
    return finish(slot, timeout, perform(slot))
  end
  slot.timeout = timeout
  if timeout == 0 then slot.is_poll = true end
  return finish(slot, nil, perform(slot))
end

local function check_timeout(timeout, name)
  if timeout == nil or type(timeout) == "function" then return end
  if type(timeout) ~= "number" then
    error(("bad argument #1 to '%s' (number of seconds, function or nil "
           .. "expected, got %s)"):format(name, type(timeout)), 3)
  elseif timeout < 0 or timeout ~= timeout then
    error(("bad argument #1 to '%s' (seconds must not be negative)")
          :format(name), 3)
  end
end

--- Waits for one of the events, one at random if several are ready.
-- @return its results
local function sync(...)
  if are_native(...) then return native_sync(nil, false, ...) end
  local slot = slot_for(1, "sync", ...)
  return finish(slot, nil, perform(slot))
end

--- Waits at most so long; 0 polls.
-- @tparam number|nil|function timeout seconds; nil: for ever; a function:
--   polls, and is called if nothing is ready
-- @return the results of the event; nil, or those of the function, if the time
--   has come first
local function sync_timeout(timeout, ...)
  check_timeout(timeout, "sync_timeout")
  if type(timeout) ~= "function" and are_native(...) then
    return native_sync(timeout, false, ...)
  end
  return sync_slot(slot_for(2, "sync_timeout", ...), timeout)
end

--- Like sync, with breaks enabled while it waits: either an event is chosen or
-- a break is raised, never both.
local function sync_enable_break(...)
  if are_native(...) then return native_sync(nil, true, ...) end
  local slot = slot_for(1, "sync_enable_break", ...)
  slot.enables_break = true
  return sync_slot(slot, nil)
end

--- Like sync_timeout, with breaks enabled while it waits.
local function sync_timeout_enable_break(timeout, ...)
  check_timeout(timeout, "sync_timeout_enable_break")
  if type(timeout) ~= "function" and are_native(...) then
    return native_sync(timeout, true, ...)
  end
  local slot = slot_for(2, "sync_timeout_enable_break", ...)
  slot.enables_break = true
  return sync_slot(slot, timeout)
end

return {
  sync = sync,
  sync_timeout = sync_timeout,
  sync_enable_break = sync_enable_break,
  sync_timeout_enable_break = sync_timeout_enable_break,
}
