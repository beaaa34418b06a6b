--- Synchronizable events.
--
-- An event is a value that says what to wait for; `sync` waits.  Events are
-- John Reppy's ("Concurrent Programming in ML", 1999) as Racket has them (the
-- Racket reference, "Events"): `choice` of several, `wrap` to work on the
-- result, `guard` to make an event at the last moment, `nack_guard` to hear of
-- losing.
--
-- Differences from Reppy: results may be any number of values, nils included;
-- what a sync has registered belongs to its slot, never to the event; a base
-- event that has lost is always withdrawn.  From Racket: `wrap` of a `handle`
-- is allowed, and works like wrap of wrap.
--
-- event.lua says what an event is, sync.lua how a sync goes; this module is the
-- face of both, and has the events of time.
-- @module quayside.evt

local core = require "quayside.core"
local event = require "quayside.event"
local sync = require "quayside.sync"

return {
  base = event.base,
  new_latch = event.new_latch,
  open_latch = event.open_latch,
  is_evt = event.is_evt,
  choice = event.choice,
  wrap = event.wrap,
  handle = event.handle,
  replace = event.replace,
  guard = event.guard,
  nack_guard = event.nack_guard,
  poll_guard = event.poll_guard,
  sync = sync.sync,
  sync_timeout = sync.sync_timeout,
  sync_enable_break = sync.sync_enable_break,
  sync_timeout_enable_break = sync.sync_timeout_enable_break,
  always = event.always,
  never = event.never,
  --- Ready so many seconds after a sync has begun to wait for it; itself as
  -- result.
  after = core.after,
  --- Ready from a moment on, in seconds since the epoch; itself as result.
  alarm = core.alarm,
}
