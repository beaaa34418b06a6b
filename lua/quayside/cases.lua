--- Taking events apart: from any event to base events, the cases of a sync.
--
-- `wrap`, `handle` and `replace` become lists beside the cases; guards are
-- called here.  See sync.lua for what a slot is.
-- @module quayside.cases

local events = require "quayside.event"

local is_base, is_evt, event_of = events.is_base, events.is_evt, events.of

local add

-- What a guard has made; what is no event is ready, with the guard as result.
local function add_guarded(slot, event, made, wraps, nacks)
  if is_evt(made) then return add(slot, event_of(made), wraps, nacks) end
  wraps = {f = function() return event end, next = wraps}
  return add(slot, events.always, wraps, nacks)
end

local function add_nack_guard(slot, event, wraps, nacks)
  local nack = events.new_latch()
  slot.all_nacks = {latch = nack, next = slot.all_nacks}
  local made = event.nack_guard(nack)
  return add_guarded(slot, event, made, wraps, {latch = nack, next = nacks})
end

local function add_base(slot, event, wraps, nacks)
  local n = slot.n + 1
  slot.n = n
  slot[n] = event
  slot.wraps[n] = wraps
  slot.nacks[n] = nacks
end

local function add_wrapped(slot, event, wraps, nacks)
  if event.replace then
    slot.has_replacement = true
    wraps = {replace = event.replace, next = wraps}
  else
    wraps = {f = event.wrap, is_handle = event.is_handle, next = wraps}
  end
  return add(slot, event_of(event.inner), wraps, nacks)
end

function add(slot, event, wraps, nacks)
  if event.base then
    add_base(slot, event, wraps, nacks)
  elseif event.choice then
    for _, each in ipairs(event.choice) do
      add(slot, event_of(each), wraps, nacks)
    end
  elseif event.inner then
    add_wrapped(slot, event, wraps, nacks)
  elseif event.guard then
    add_guarded(slot, event, event.guard(), wraps, nacks)
  elseif event.nack_guard then
    add_nack_guard(slot, event, wraps, nacks)
  else
    local made = event.poll_guard(slot.is_poll)
    add_guarded(slot, event, made, wraps, nacks)
  end
end

-- Are all of them base events already?  Then they are the cases.
local function is_flat(slot)
  for i = 1, slot.n do
    if not is_base(slot[i]) then return false end
  end
  return true
end

local function take_apart(slot)
  local given = table.move(slot, 1, slot.n, 1, {})
  local n = slot.n
  slot.n, slot.wraps, slot.nacks = 0, {}, {}
  for i = 1, n do add(slot, event_of(given[i]), nil, nil) end
  for i = slot.n + 1, n do slot[i] = nil end
end

-- Raises, for the function `name` that the user has called, unless all of them
-- are events.
local function check(slot, first, name)
  for i = 1, slot.n do
    if not is_evt(slot[i]) then
      error(("bad argument #%d to '%s' (event expected, got %s)")
            :format(first + i - 1, name, type(slot[i])), 4)
    end
  end
end

return {
  add = add,
  check = check,
  is_flat = is_flat,
  take_apart = take_apart,
}
