--- Racket's TCP for Lua 5.4 coroutines.
-- @module quayside

local evt = require "quayside.evt"
local thread = require "quayside.thread"
local err = require "quayside.error"

return {
  tcp = require "quayside.tcp",
  udp = require "quayside.udp",
  evt = evt,
  thread = thread,
  channel = require "quayside.channel",
  semaphore = require "quayside.semaphore",
  custodian = require "quayside.custodian",
  port = require "quayside.port",
  error = err,
  coroutine = require "quayside.coroutine",

  sync = evt.sync,
  sync_timeout = evt.sync_timeout,
  sync_enable_break = evt.sync_enable_break,
  spawn = thread.spawn,
  sleep = thread.sleep,
  try = err.try,
  run = thread.run,
}
