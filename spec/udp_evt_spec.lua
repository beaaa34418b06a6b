-- UDP sockets: waiting, events, breaks, custodians.
local helper = require "helper"
local quayside = require "quayside"
local common = require "udp_common"

local udp, evt, thread = quayside.udp, quayside.evt, quayside.thread
local custodian = quayside.custodian
local spawn, sync, sync_timeout =
  quayside.spawn, quayside.sync, quayside.sync_timeout
local bound, fails, assert_usable =
  common.bound, common.fails, common.assert_usable

-- A bound socket, a socket connected to it, and its port number.
local function pair()
  local u, port = bound()
  local peer = udp.open()
  peer:connect("127.0.0.1", port)
  return u, peer, port
end

-- A thread that has begun to wait in `f(...)`.
local function waiting(f, ...)
  local t = spawn(f, ...)
  helper.let_run()
  assert.is_false(t:is_dead())
  return t
end

-- The same, of a call that will raise; and how it ended.
local function doomed(f, ...)
  return waiting(pcall, f, ...)
end

local function error_of(t)
  local _, ok, err = t:wait()
  assert.is_false(ok)
  return err
end

describe("waiting on a UDP socket", function()
  helper.check_leaks()

  it("blocks only the thread that receives", function()
    local u, peer = pair()
    local t = waiting(u.receive, u)
    peer:send("at last")
    assert.equal("at last", (helper.join(t)))
    helper.close(u, peer)
  end)

  it("works in the main chunk, where it runs the others", function()
    local u, peer = pair()
    local t = spawn(function()
      thread.yield()
      peer:send("from a thread")
    end)
    assert.equal("from a thread", (u:receive()))
    t:wait()
    helper.close(u, peer)
  end)

  it("serves receivers in the order they came", function()
    local u, peer = pair()
    local order = {}
    local threads = {}
    for i = 1, 5 do
      threads[i] = waiting(function()
        local data
        if i % 2 == 0 then data = sync(u:receive_evt()) end
        data = data or u:receive()
        order[#order + 1] = i .. data
      end)
    end
    for i = 1, 5 do peer:send(tostring(i)) end
    -- Nobody comes first who comes last.
    assert.is_nil(u:try_receive())
    assert.is_nil(sync_timeout(0, u:receive_evt()))
    for i = 1, 5 do threads[i]:wait() end
    assert.same({"11", "22", "33", "44", "55"}, order)
    helper.close(u, peer)
  end)

  it("passes the turn on when a receiver is killed or broken", function()
    local u, peer = pair()
    local first = waiting(u.receive, u)
    local second = doomed(u.receive_enable_break, u)
    local third = waiting(u.receive, u)
    first:kill()
    second:send_break()
    peer:send("for the third")
    assert.equal("for the third", (helper.join(third)))
    assert.equal("break", error_of(second).kind)
    helper.close(u, peer)
  end)

  it("ends with the closed error when the socket is closed", function()
    local u, peer = pair()
    local t = doomed(u.receive, u)
    local e = doomed(sync, u:receive_evt())
    local looker = waiting(sync, u:receive_ready_evt())
    u:close()
    for _, each in ipairs {t, e} do
      local err = error_of(each)
      assert.same({"udp.receive", "closed"}, {err.op, err.code})
    end
    assert.is_true((looker:wait()))
    peer:close()
  end)

  it("ends when a disconnect takes the socket's port away", function()
    local u, peer = pair()
    local t = doomed(peer.receive, peer)
    peer:connect(nil, nil)
    if not peer:is_bound() then
      assert.equal("not_bound", error_of(t).code)
    end
    t:kill()
    helper.close(u, peer)
  end)

  it("spends no processor time", function()
    local u, peer = pair()
    local threads = {waiting(u.receive, u), waiting(sync, u:receive_evt()),
                     waiting(sync, u:receive_ready_evt())}
    local before = os.clock()
    quayside.sleep(0.3)
    assert(os.clock() - before < 0.1)
    for _, t in ipairs(threads) do t:kill() end
    helper.close(u, peer)
  end)

  it("spends none with an unread datagram, or an unread error", function()
    local u, peer = pair()
    local looker = waiting(sync, u:receive_ready_evt())
    peer:send("unread")
    looker:wait()
    local gone, gone_peer = pair()
    looker = waiting(sync, gone_peer:receive_ready_evt(), evt.never)
    gone:close()
    gone_peer:send("refused")
    looker:wait()
    local before = os.clock()
    quayside.sleep(0.3)
    assert(os.clock() - before < 0.1)
    assert.equal("unread", (u:receive()))
    fails({code = "ECONNREFUSED"}, gone_peer.receive, gone_peer)
    helper.close(u, peer, gone_peer)
  end)

  it("is left by a break, or with a datagram, never both", function()
    local u, peer = pair()
    for _, break_first in ipairs {true, false} do
      local outcome
      local t = spawn(function()
        thread.break_enabled(false)
        outcome = {pcall(u.receive_enable_break, u)}
      end)
      helper.let_run()
      if break_first then t:send_break() end
      peer:send("kept")
      if not break_first then
        t:send_break() -- the datagram is there, its receiver has not run
      end
      t:wait()
      assert.equal("break", outcome[2].kind)
      assert.equal("kept", (u:receive()))
    end
    helper.close(u, peer)
  end)

  it("lets no break in where breaks are disabled", function()
    local u, peer = pair()
    local received
    local t = spawn(function()
      thread.break_enabled(false)
      received = u:receive()
    end)
    helper.let_run()
    t:send_break()
    helper.let_run()
    assert.is_false(t:is_dead())
    peer:send("undisturbed")
    assert.is_true((t:wait()))
    assert.equal("undisturbed", received)
    helper.close(u, peer)
  end)

  it("sends or breaks, never both, when breaks are enabled", function()
    local u, peer, port = pair()
    local free = udp.open()
    for _, send in ipairs {
      function() peer:send_enable_break "x" end,
      function() free:send_to_enable_break("127.0.0.1", port, "x") end,
      function() free:send_to_enable_break("localhost", port, "x") end,
    } do
      local ok, err
      local t = spawn(function()
        thread.break_enabled(false)
        ok, err = pcall(send)
      end)
      t:send_break()
      t:wait()
      assert(ok or err.kind == "break")
      helper.let_run()
      assert.equal(ok, u:try_receive() ~= nil)
    end
    helper.close(u, peer, free)
  end)
end)

describe("the events of a UDP socket", function()
  helper.check_leaks()

  it("receive what receive would", function()
    local u, port = bound()
    local peer, peer_port = bound()
    peer:send_to("127.0.0.1", port, "0123456789")
    peer:send_to("127.0.0.1", port, "0123456789")
    assert.same({"0123456789", "127.0.0.1", peer_port},
                {sync(u:receive_evt())})
    assert.same({"012", "127.0.0.1", peer_port}, {sync(u:receive_evt(3))})
    assert.is_nil(sync_timeout(0, u:receive_evt()))
    assert.is_nil(sync_timeout(0.01, u:receive_evt()))
    helper.close(u, peer)
  end)

  it("send what send would, with true as result", function()
    local u, peer, port = pair()
    local free = udp.open()
    assert.same({true}, {sync(peer:send_evt("0123", 2, 3))})
    assert.same({true}, {sync(free:send_to_evt("127.0.0.1", port, "abc", 3))})
    assert.same({true}, {sync(free:send_to_evt("localhost", port, ""))})
    assert.equal("12", (u:receive()))
    assert.equal("c", (u:receive()))
    assert.equal("", (u:receive()))
    assert.is_true(free:is_bound())
    helper.close(u, peer, free)
  end)

  it("can be synced again and again", function()
    local u, peer = pair()
    local send, receive = peer:send_evt "again", u:receive_evt()
    for _ = 1, 3 do
      sync(send)
      assert.equal("again", (sync(receive)))
    end
    helper.close(u, peer)
  end)

  it("take and send nothing when they lose", function()
    helper.with_seed(function()
      local u, peer = pair()
      local sent, received = 0, 0
      for _ = 1, 200 do
        if sync(peer:send_evt "x", evt.always) == true then sent = sent + 1 end
      end
      for _ = 1, 200 do
        local result = sync(u:receive_evt(), evt.always)
        if result == "x" then received = received + 1 end
      end
      while u:try_receive() do received = received + 1 end
      assert.equal(sent, received)
      assert(sent > 0 and sent < 200)
      helper.close(u, peer)
    end)
  end)

  it("leave the datagram when a break, a kill or a time-out ends the sync",
  function()
    local u, peer = pair()
    local broken = doomed(sync, u:receive_evt())
    local killed = waiting(sync, u:receive_evt())
    assert.is_nil(sync_timeout(0.01, u:receive_evt()))
    broken:send_break()
    killed:kill()
    helper.let_run()
    peer:send("left")
    helper.let_run()
    assert.equal("left", (u:receive()))
    assert.equal("break", error_of(broken).kind)
    helper.close(u, peer)
  end)

  it("give themselves when they only look, and take nothing", function()
    local u, peer = pair()
    local receive_ready, send_ready =
      u:receive_ready_evt(), peer:send_ready_evt()
    assert.equal(send_ready, sync(send_ready))
    assert.is_nil(sync_timeout(0, receive_ready))
    local t = waiting(sync, receive_ready)
    peer:send("seen")
    assert.equal(receive_ready, helper.join(t))
    assert.equal(receive_ready, sync(receive_ready))
    assert.equal("seen", (u:receive()))
    assert.is_nil(sync_timeout(0, receive_ready))
    helper.close(u, peer)
  end)

  it("wake every looker, and one receiver", function()
    local u, peer = pair()
    local lookers = {waiting(sync, u:receive_ready_evt()),
                     waiting(sync, u:receive_ready_evt())}
    local receiver = waiting(sync, u:receive_evt())
    peer:send("x")
    assert.equal("x", (helper.join(receiver)))
    peer:send("y")
    for _, looker in ipairs(lookers) do assert.is_true((looker:wait())) end
    assert.equal("y", (u:receive()))
    helper.close(u, peer)
  end)

  it("are ready where the call would fail at once", function()
    local u = udp.open()
    assert.is_not_nil(sync_timeout(0, u:receive_ready_evt()))
    u:close()
    assert.is_not_nil(sync_timeout(0, u:receive_ready_evt()))
    assert.is_not_nil(sync_timeout(0, u:send_ready_evt()))
  end)

  it("raise at the sync what the call would raise", function()
    local u, port = bound()
    local receive, send = u:receive_evt(), u:send_evt "x"
    local send_to = u:send_to_evt("localhost", port, "x")
    fails({code = "EMSGSIZE", op = "udp.send_to", hostname = "127.0.0.1",
           port = port}, sync,
          u:send_to_evt("127.0.0.1", port, ("x"):rep(70000)))
    u:close()
    fails({code = "closed", op = "udp.receive"}, sync, receive)
    fails({code = "closed", op = "udp.send"}, sync, send)
    fails({code = "closed", op = "udp.send_to", hostname = "localhost",
           port = port}, sync, send_to)
    fails({code = "closed"}, sync_timeout, 0, receive)
  end)

  it("pass errors from the network on, once", function()
    local u, port = bound()
    local gone, gone_port = bound()
    gone:close()
    u:connect("127.0.0.1", gone_port)
    u:send("nobody hears this")
    fails({code = "ECONNREFUSED"}, sync, u:receive_evt())
    u:connect()
    assert_usable(u, port)
    u:close()
  end)
end)

describe("the custodian of a UDP socket", function()
  helper.check_leaks()

  it("is the one that was current when it was opened", function()
    local owner, u = helper.under_custodian(udp.open)
    assert.same({u}, owner:managed())
    u:close()
    assert.same({}, owner:managed())
    owner:shutdown_all()
  end)

  it("closes it and wakes those who wait", function()
    local owner, u, port = helper.under_custodian(bound)
    local t = doomed(u.receive, u)
    local e = doomed(sync, u:receive_evt())
    local peer = udp.open()
    owner:shutdown_all()
    assert.equal("closed", error_of(t).code)
    assert.equal("closed", error_of(e).code)
    fails({code = "closed"}, u.receive, u)
    fails({code = "closed"}, u.close, u)
    peer:bind("127.0.0.1", port)
    peer:close()
  end)

  it("must be alive", function()
    local owner = custodian.new()
    owner:shutdown_all()
    fails({code = "custodian", op = "udp.open"}, owner.with, owner, udp.open)
    fails({code = "custodian"}, owner.with, owner, udp.open, "localhost")
  end)
end)
