local helper = require "helper"
local quayside = require "quayside"
local core = require "quayside.core"

local evt, thread, channel = quayside.evt, quayside.thread, quayside.channel
local semaphore = quayside.semaphore
local random = math.random

-- A random tree of events -----------------------------------------------------
--
-- Every leaf has a number and knows the nack_guards above it, so after the sync
-- one knows which nacks have to be open.

local Tree = {}
Tree.__index = Tree

local function new_tree()
  return setmetatable({leaves = {}, nacks = {}, sems = {}}, Tree)
end

local function fail() error("a guard failed", 0) end

-- An event, `above` a list of the nacks around it.
function Tree:leaf(_, above)
  local n, kind = #self.leaves + 1, random(10)
  local event = evt.always
  self.leaves[n] = above or {}
  if kind == 10 and self.may_fail then return evt.guard(fail) end
  if kind > 7 then
    event = evt.choice(evt.never, evt.after(1e6), channel.new())
  elseif kind > self.ready then
    event = semaphore.new()
    self.sems[#self.sems + 1] = event
  end
  return evt.wrap(event, function() return n end)
end

function Tree:nack_guard(depth, above)
  return evt.nack_guard(function(nack)
    self.nacks[#self.nacks + 1] = nack
    return self:node(depth - 1, {nack = nack, next = above})
  end)
end

function Tree:guard(depth, above)
  return evt.guard(function() return self:node(depth - 1, above) end)
end

function Tree:choice(depth, above)
  local events = {}
  for i = 1, random(0, 3) do events[i] = self:node(depth - 1, above) end
  return evt.choice(table.unpack(events))
end

function Tree:wrap(depth, above)
  return evt.wrap(self:node(depth - 1, above), function(...) return ... end)
end

local kinds = {
  Tree.leaf, Tree.choice, Tree.wrap, Tree.guard, Tree.nack_guard,
  Tree.nack_guard,
}

function Tree:node(depth, above)
  return kinds[depth == 0 and 1 or random(#kinds)](self, depth, above)
end

local function is_open(nack)
  return evt.sync_timeout(0, nack) == nack
end

-- Open exactly those that are not above the winner.
function Tree:check(winner, how)
  local spared = {}
  local above = winner and self.leaves[winner]
  while above and above.nack do
    spared[above.nack] = true
    above = above.next
  end
  for i, nack in ipairs(self.nacks) do
    if is_open(nack) == (spared[nack] or false) then
      error(("%s, winner %s: nack %d is %s")
            :format(how, winner, i, spared[nack] and "open" or "not open"), 0)
    end
  end
end

-- How the sync may end: each gets the tree and the thread that syncs.
local endings = {
  win = function(tree)
    local sem = #tree.sems > 0 and tree.sems[random(#tree.sems)]
    if sem then sem:post() end
    return sem
  end,
  kill = function(_, t) t:kill() return true end,
  ["break"] = function(_, t) t:send_break() return true end,
  ["time-out"] = function() return true end,
}
local names = {"win", "kill", "break", "time-out"}

local function one_tree()
  local tree, how = new_tree(), names[random(4)]
  tree.ready = random(3) == 1 and 1 or 0
  tree.may_fail = random(3) == 1
  local winner, outcome
  local seconds = how == "time-out" and random(0, 1) * 1e-5 or nil
  local t = quayside.spawn(function()
    local ok, result = pcall(evt.sync_timeout, seconds, tree:node(4),
                             tree:choice(4), tree:nack_guard(3))
    winner = ok and result
    outcome = ok and "ok" or tostring(result)
  end)
  for _ = 0, random(0, 2) do thread.yield() end
  if not t:is_dead() then
    if not endings[how](tree, t) then t:kill() end
    t:wait()
  end
  tree:check(winner, how .. ", " .. tostring(outcome))
  return outcome and how or "kill"
end

describe("nacks", function()
  helper.check_leaks()

  it("open for losers and for nobody else, however the sync ends", function()
    local seen = {}
    helper.with_seed(function()
      for _ = 1, helper.rounds(20000, 300) do
        local how = one_tree()
        seen[how] = (seen[how] or 0) + 1
      end
    end)
    for _, how in ipairs(names) do assert.is_truthy(seen[how], how) end
  end)

  it("open when another guard of the same sync fails", function()
    local nack
    local guarded = evt.nack_guard(function(n) nack = n return evt.always end)
    local failing = evt.guard(function() error "a guard failed" end)
    assert.is_false(pcall(evt.sync, guarded, failing))
    assert.is_true(is_open(nack))
    nack = nil
    assert.is_false(pcall(evt.sync, evt.nack_guard(function(n)
      nack = n
      error "this one"
    end)))
    assert.is_true(is_open(nack))
  end)

  it("wake who waits for them before the loser goes on", function()
    local order, nack = {}, nil
    local sem = semaphore.new()
    local t = quayside.spawn(function()
      evt.sync(sem, evt.nack_guard(function(n) nack = n return evt.never end))
      order[#order + 1] = "loser"
    end)
    thread.yield()
    local watcher = quayside.spawn(function()
      assert(evt.sync(nack) == nack)
      order[#order + 1] = "watcher"
    end)
    thread.yield()
    sem:post()
    t:wait()
    watcher:wait()
    assert.same({"loser", "watcher"}, order)
    assert.is_true(is_open(nack)) -- it stays so
  end)

  it("stay shut when the winner is below all of them", function()
    local nacks = {}
    local event = evt.always
    for i = 1, 20 do
      local inner = event
      event = evt.nack_guard(function(n) nacks[i] = n return inner end)
    end
    evt.sync(evt.choice(evt.choice(event)))
    for i = 1, 20 do assert.is_false(is_open(nacks[i])) end
  end)
end)

-- Fairness --------------------------------------------------------------------

-- The events of a choice, all ready, and how often each was chosen.
local function chi_square(make, n, rounds)
  local counts = {}
  for i = 1, n do counts[i] = 0 end
  for _ = 1, rounds do
    local i = evt.sync(make())
    counts[i] = counts[i] + 1
  end
  local expected, sum = rounds / n, 0
  for i = 1, n do sum = sum + (counts[i] - expected) ^ 2 / expected end
  return sum, table.concat(counts, " ")
end

-- Six degrees of freedom: chance exceeds this once in a hundred million.
local N, BOUND = 7, 48

local function numbered(i, event)
  return evt.wrap(event, function() return i end)
end

local makers = {
  ["events that are always ready"] = function()
    local list = {}
    for i = 1, N do list[i] = numbered(i, evt.always) end
    local event = evt.choice(table.unpack(list))
    return function() return event end
  end,
  ["a nested choice"] = function()
    local event = evt.choice(numbered(N, evt.always))
    for i = N - 1, 1, -1 do
      event = evt.choice(numbered(i, evt.always), event)
    end
    return function() return event end
  end,
  ["guards, among events that are not ready"] = function()
    local list = {}
    for i = 1, N do
      local event = numbered(i, evt.always)
      list[#list + 1] = evt.guard(function() return event end)
      list[#list + 1] = evt.never
    end
    local event = evt.choice(table.unpack(list))
    return function() return event end
  end,
  ["semaphores"] = function()
    local list = {}
    for i = 1, N do list[i] = numbered(i, semaphore.new(1e9 // 1 | 0)) end
    local event = evt.choice(table.unpack(list))
    return function() return event end
  end,
}

describe("a choice among the ready", function()
  helper.check_leaks()

  for name, maker in pairs(makers) do
    it("is fair: " .. name, function()
      helper.with_seed(function()
        local rounds = helper.rounds(100000, 700)
        local sum, counts = chi_square(maker(), N, rounds)
        assert(sum < BOUND, ("chi-square %.1f of %s"):format(sum, counts))
      end)
    end)
  end
end)

-- Abandonment -----------------------------------------------------------------

-- Syncs on `event` that another thread ends, each after it has registered.
local function abandon(event, rounds)
  local stop, go = semaphore.new(), semaphore.new()
  local ender = quayside.spawn(function()
    while true do
      go:wait()
      stop:post()
    end
  end)
  for _ = 1, rounds do
    go:post()
    assert(evt.sync(event, stop) == stop)
  end
  ender:kill()
end

local function heap()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count" * 1024
end

-- Nothing grows while `step(rounds)` runs again and again.
local function check_no_growth(step)
  local rounds = helper.rounds(100000, 1000)
  step(rounds // 10)
  local counts, bytes, resident = core.counts(), heap(), helper.memory()
  step(rounds)
  local bytes_now = heap()
  assert(bytes_now - bytes < 20000, "Lua heap: " .. bytes_now - bytes)
  for name, count in pairs(core.counts()) do
    assert(count <= counts[name], name .. ": " .. count)
  end
  -- A checker of memory, for which rounds are scaled down, keeps what is freed.
  local grown = helper.memory() - resident
  assert(rounds < 100000 or grown < 4e6, "resident memory: " .. grown)
end

describe("a sync that is abandoned", function()
  helper.check_leaks(60)

  local function check(event)
    check_no_growth(function(rounds) abandon(event, rounds) end)
  end

  it("leaves nothing with a far-away timer", function()
    check(evt.choice(evt.after(1e6), evt.alarm(os.time() + 1e6)))
  end)

  it("leaves nothing with an idle channel or semaphore", function()
    local ch, sem = channel.new(), semaphore.new()
    check(evt.choice(ch, ch:put_evt(1), sem, sem:peek_evt()))
    assert.is_nil(ch.getters.first or ch.putters.first)
    assert.is_nil(sem.waiters.first or sem.peekers.first)
  end)

  it("leaves nothing with an idle port or listener", function()
    local client_in, client_out, server_in, server_out = helper.pair()
    local listener <close> = helper.listener()
    check(evt.choice(client_in:read_line_evt(), client_in,
                     client_in:eof_evt(), client_in:closed_evt(),
                     client_out:closed_evt(), listener,
                     listener:accept_evt()))
    helper.close(client_in, client_out, server_in, server_out)
  end)

  it("leaves nothing with threads and custodians that live on", function()
    local never = semaphore.new()
    local t = quayside.spawn(function() never:wait() end)
    local c <close> = quayside.custodian.new()
    check(evt.choice(t, c, c:box(1)))
    t:kill()
  end)

  it("leaves nothing when guards and nacks go with it", function()
    check(evt.nack_guard(function(nack)
      return evt.choice(nack, evt.after(1e6))
    end))
  end)

  it("leaves nothing when a time-out, a break or a kill ends it", function()
    local ch = channel.new()
    local input, output, far_in, far_out = helper.pair()
    local event = evt.choice(ch, evt.after(1e6), input:read_evt(1))
    check_no_growth(function(rounds)
      for i = 1, rounds // 5 do
        local t = quayside.spawn(pcall, evt.sync_timeout, 1e3, event)
        thread.yield()
        if i % 2 == 0 then t:kill() else t:send_break() end
        t:wait()
        evt.sync_timeout(1e-9, event)
      end
    end)
    assert.is_nil(ch.getters.first)
    helper.close(input, output, far_in, far_out)
  end)
end)
