local helper = require "helper"
local quayside = require "quayside"
local core = require "quayside.core"

local channel, evt, tcp = quayside.channel, quayside.evt, quayside.tcp
local port = quayside.port
local thread, custodian = quayside.thread, quayside.custodian
local spawn, random = quayside.spawn, math.random

local function rejects(code, f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  assert.equal(code, type(err) == "table" and err.code or err)
end

-- Connections as they are needed; closed by `close_all`.
local opened = {}

local function pair()
  local a, b, c, d = helper.pair()
  opened[#opened + 1] = {a, b, c, d}
  return a, b, c, d
end

local function close_all()
  for _, ports in ipairs(opened) do
    for _, each in ipairs(ports) do pcall(each.close, each) end
  end
  opened = {}
end

describe("events of an input port", function()
  after_each(close_all)
  helper.check_leaks()

  it("are not ready while nothing is there", function()
    local input = pair()
    assert.is_nil(evt.sync_timeout(0, input, input:read_evt(1),
      input:read_some_evt(), input:read_line_evt(), input:peek_evt(1),
      input:eof_evt(), input:closed_evt()))
    assert.is_nil(evt.sync_timeout(0.002, input, input:read_evt(1),
      input:read_some_evt(), input:read_line_evt(), input:peek_evt(1),
      input:eof_evt(), input:closed_evt()))
  end)

  it("become ready with what they wait for", function()
    local input, _, _, far = pair()
    local function later(bytes)
      spawn(function() far:write(bytes):flush() end)
    end
    later "abc"
    assert.equal(input, evt.sync(input))
    assert.equal("bc", evt.sync(input:peek_evt(2, 1)))
    assert.equal("ab", evt.sync(input:read_evt(2)))
    assert.equal("c", evt.sync(input:read_some_evt(100)))
    later "one\r\ntwo\r\n"
    assert.equal("one\r", evt.sync(input:read_line_evt()))
    assert.equal("two", evt.sync(input:read_line_evt "return-linefeed"))
    later "12345"
    assert.equal("12345", evt.sync(input:read_evt(5)))
  end)

  it("take nothing before all that is asked for is there", function()
    local input, _, _, far = pair()
    far:write "ab":flush()
    assert.is_nil(evt.sync_timeout(0.005, input:read_evt(3),
                                   input:read_line_evt()))
    far:write "c":flush()
    assert.equal("abc", evt.sync(input:read_evt(3)))
  end)

  it("give what is left, then nil, at end of file", function()
    local input, _, _, far = pair()
    far:write "ab"
    far:close()
    assert.equal("ab", evt.sync(input:read_line_evt()))
    assert.equal(input, evt.sync(input:eof_evt()))
    assert.equal(input, evt.sync(input))
    for _, event in ipairs {input:read_evt(3), input:read_some_evt(),
                            input:read_line_evt(), input:peek_evt(1)} do
      assert.same({n = 1}, table.pack(evt.sync(event)))
    end
  end)

  it("raise the closed error, but the port itself is ready, when it closes",
     function()
    local input = pair()
    local closed = input:closed_evt()
    local threads = {}
    for i, event in ipairs {input:read_evt(1), input:read_line_evt(),
                            input:read_some_evt(), input:peek_evt(1),
                            input:eof_evt()} do
      threads[i] = spawn(pcall, evt.sync, event)
    end
    local readiness = spawn(evt.sync, input)
    local closing = spawn(evt.sync, closed)
    thread.yield()
    input:close()
    for _, t in ipairs(threads) do
      local _, ok, err = t:wait()
      assert.is_false(ok)
      assert.equal("closed", err.code)
    end
    assert.same({true, input}, {readiness:wait()})
    assert.is_true(select(2, closing:wait()) == closed)
    rejects("closed", evt.sync, input:read_evt(1))
    assert.equal(input, evt.sync_timeout(0, input))
  end)

  it("refuse wrong arguments when they are made", function()
    local input, output = pair()
    for _, f in ipairs {
      function() input:read_evt(-1) end,
      function() input:read_evt "x" end,
      function() input:read_evt(1.5) end,
      function() input:read_some_evt(0) end,
      function() input:read_line_evt "x" end,
      function() input:peek_evt(1, -1) end,
      function() output:write_evt() end,
      function() output:write_evt {} end,
      function() input.read_evt(output, 1) end,
      function() output.write_evt(input, "x") end,
      function() tcp.accept_evt(input) end,
      function() tcp.connect_evt("127.0.0.1", 0) end,
    } do
      local ok, err = pcall(f)
      assert.is_false(ok)
      assert.is_truthy(tostring(err):find "bad argument", tostring(err))
    end
  end)
end)

describe("events of an output port", function()
  after_each(close_all)
  helper.check_leaks()

  it("send when chosen, with what was written before in front", function()
    local _, output, far = pair()
    output:write "ab"
    assert.equal(2, evt.sync(output:write_evt "cd"))
    assert.equal("abcd", far:read(4))
    assert.equal(output, evt.sync(output))
    output:write "e"
    evt.sync(output:flush_evt())
    assert.equal("e", far:read(1))
  end)

  it("wait while the peer takes nothing, and go on when it does", function()
    local _, output, far = pair()
    local piece, sent = ("x"):rep(65536), 0
    local event = output:write_evt(piece)
    local t, has_sent
    repeat -- until one has to wait
      t = spawn(evt.sync, event)
      thread.yield()
      has_sent = t:is_dead()
      if has_sent then sent = sent + select(2, t:wait()) end
    until not has_sent
    local got = 0
    while got < sent do got = got + #far:read_some() end
    local ok, last = t:wait()
    assert.is_true(ok)
    assert.is_true(last > 0)
    assert.equal(sent + last, got + #far:read(last + got > sent and
                                              sent + last - got or 0))
  end)

  it("raise the closed error when it closes", function()
    local _, output = pair()
    local closed = spawn(evt.sync, output:closed_evt())
    thread.yield()
    output:close()
    assert.is_true(closed:wait())
    rejects("closed", evt.sync, output:write_evt "x")
    rejects("closed", evt.sync, output:flush_evt())
    assert.equal(output, evt.sync_timeout(0, output))
  end)
end)

describe("events of a listener", function()
  after_each(close_all)
  helper.check_leaks()

  it("are ready when a client waits; only accept_evt takes it", function()
    local listener <close>, number = helper.listener()
    assert.is_nil(evt.sync_timeout(0, listener, listener:accept_evt()))
    local client = {tcp.connect("127.0.0.1", number)}
    assert.equal(listener, evt.sync(listener))
    assert.is_true(tcp.accept_ready(listener))
    local input, output = evt.sync(listener:accept_evt())
    assert.is_true(port.is_input(input) and port.is_output(output))
    assert.is_false(tcp.accept_ready(listener))
    opened = {client, {input, output}}
    client[2]:write "x\n":flush()
    assert.equal("x", input:read_line())
  end)

  it("are ready when it is closed: the listener, or the closed error",
     function()
    local listener = helper.listener()
    local accepting = spawn(pcall, evt.sync, listener:accept_evt())
    local watching = spawn(evt.sync, evt.never, listener)
    local blocked = spawn(pcall, tcp.accept, listener)
    thread.yield()
    listener:close()
    local _, _, err = accepting:wait()
    assert.equal("closed", err.code)
    _, _, err = blocked:wait()
    assert.equal("closed", err.code)
    assert.is_true(select(2, watching:wait()) == listener)
    rejects("closed", evt.sync_timeout, 0, listener:accept_evt())
  end)

  it("give the ports to the custodian that was current when they were made",
     function()
    local listener <close>, number = helper.listener()
    local owner <close> = custodian.new()
    local event = owner:with(tcp.accept_evt, listener)
    local client = {tcp.connect("127.0.0.1", number)}
    opened[1] = client
    local input = evt.sync(event)
    owner:shutdown_all()
    assert.is_true(input:is_closed())
    assert.is_false(client[1]:is_closed())
    rejects("custodian", owner.with, owner, tcp.accept_evt, listener)
    rejects("custodian", evt.sync_timeout, 0, event)
  end)

  it("raise the error at once when that custodian dies, and take nobody",
     function()
    local listener <close>, number = helper.listener()
    local owner = custodian.new()
    local event = owner:with(tcp.accept_evt, listener)
    local t = spawn(pcall, evt.sync, event)
    thread.yield()
    owner:shutdown_all()
    local _, _, err = t:wait()
    assert.equal("custodian", err.code)
    opened[1] = {tcp.connect("127.0.0.1", number)}
    rejects("custodian", evt.sync, event)
    opened[2] = {tcp.accept(listener)}
  end)
end)

describe("a poll of a reading port", function()
  helper.check_leaks()

  -- Until the kernel has it, without a look by the port itself.
  local function arrived(input)
    for _ = 1, 5000 do
      if input:ready() then return true end
      quayside.sleep(0.001)
    end
  end

  it("finds what has come since it last found nothing", function()
    local client_in, client_out, server_in, server_out = helper.pair()
    for _, make in ipairs {
      function() return server_in:read_line_evt() end,
      function() return server_in:read_some_evt() end,
      function() return server_in:read_evt(3) end,
      function() return server_in:peek_evt(3) end,
    } do
      local event = make()
      assert.is_nil(quayside.sync_timeout(0, event))
      client_out:write("ab\n"):flush()
      assert(arrived(server_in))
      assert.equal("ab", quayside.sync_timeout(0, event):sub(1, 2))
      quayside.sync_timeout(0, server_in:read_some_evt())
    end
    local eof = server_in:eof_evt()
    assert.is_nil(quayside.sync_timeout(0, eof))
    client_out:close()
    assert(arrived(server_in))
    assert.equal(server_in, quayside.sync_timeout(0, eof))
    helper.close(client_in, client_out, server_in, server_out)
  end)
end)

describe("connect_evt", function()
  after_each(close_all)
  helper.check_leaks()

  it("gives the ports, or raises what connect raises", function()
    local listener <close>, number = helper.listener()
    opened[1] = {evt.sync(tcp.connect_evt("127.0.0.1", number))}
    opened[2] = {tcp.accept(listener)}
    opened[3] = {evt.sync(tcp.connect_evt {hostname = "localhost",
                                           port = number})}
    opened[4] = {tcp.accept(listener)}
    listener:close()
    rejects("ECONNREFUSED", evt.sync, tcp.connect_evt("127.0.0.1", number))
    rejects("EAI_NONAME", evt.sync, tcp.connect_evt("[::1]", number))
  end)

  it("is cancelled when another event is chosen, or the time has come",
     function()
    local ch, before = channel.new(), core.counts()
    -- Nobody answers there: TEST-NET-1, RFC 5737.
    local connect = evt.wrap(tcp.connect_evt("192.0.2.1", 9), error)
    collectgarbage "stop" -- which would close it, too
    for _ = 1, helper.rounds(200, 10) do
      spawn(ch.put, ch, 1)
      assert.equal(1, evt.sync(ch, connect))
    end
    evt.sync_timeout(1e-6, connect)
    local t = spawn(evt.sync, connect)
    thread.yield()
    t:kill()
    collectgarbage "restart"
    assert.equal(before.armed, core.counts().armed)
    assert.equal(before.lookups, core.counts().lookups)
  end)
end)

describe("those who wait for the same thing", function()
  after_each(close_all)
  helper.check_leaks()

  -- Threads that wait in order; some withdraw; `feed(n)` satisfies the others.
  local function check_order(wait, feed)
    local threads, order, expected = {}, {}, {}
    for i = 1, 8 do
      threads[i] = spawn(pcall, function()
        wait(i)
        order[#order + 1] = i
      end)
    end
    thread.yield()
    for i, t in ipairs(threads) do
      local fate = random(4)
      if fate == 1 then t:kill()
      elseif fate == 2 then t:send_break()
      else expected[#expected + 1] = i end
    end
    feed(#expected)
    for _, t in ipairs(threads) do t:wait() end
    assert.same(expected, order)
  end

  -- Two wait for `take`; a third comes when the first has been served, before
  -- the second has had its turn, although there is enough for one more.
  local function check_latecomer(take, feed)
    local order, threads = {}, {}
    for i = 1, 2 do
      threads[i] = spawn(function() take() order[#order + 1] = i end)
    end
    thread.yield()
    threads[3] = spawn(function()
      while #order == 0 do thread.yield() end
      take()
      order[#order + 1] = 3
    end)
    feed()
    feed()
    evt.sync(threads[2])
    feed()
    for _, t in ipairs(threads) do t:wait() end
    assert.same({1, 2, 3}, order)
  end

  it("stand behind those who came before, though something is there",
     function()
    local input, _, _, far = pair()
    check_latecomer(function() input:read(1) end,
                    function() far:write "x":flush() end)
    check_latecomer(function() evt.sync(input:read_evt(1)) end,
                    function() far:write "x":flush() end)
    local listener <close>, number = helper.listener()
    local function connect()
      opened[#opened + 1] = {tcp.connect("127.0.0.1", number)}
    end
    check_latecomer(function()
      opened[#opened + 1] = {tcp.accept(listener)}
    end, connect)
    check_latecomer(function()
      opened[#opened + 1] = {evt.sync(listener:accept_evt())}
    end, connect)
  end)

  it("are served first come, first served: acceptors", function()
    local listener <close>, number = helper.listener(16)
    helper.with_seed(function()
      for _ = 1, helper.rounds(200, 5) do
        local accept = listener:accept_evt()
        check_order(function(i)
          if i % 2 == 0 then opened[#opened + 1] = {tcp.accept(listener)}
          else opened[#opened + 1] = {evt.sync(evt.never, accept)} end
        end, function(n)
          for _ = 1, n do
            opened[#opened + 1] = {tcp.connect("127.0.0.1", number)}
          end
        end)
        close_all()
      end
    end)
  end)

  it("are served first come, first served: readers", function()
    local input, _, _, far = pair()
    helper.with_seed(function()
      for _ = 1, helper.rounds(500, 5) do
        check_order(function(i)
          if i % 2 == 0 then input:read(1)
          else evt.sync(evt.after(1e6), input:read_evt(1)) end
        end, function(n)
          far:write(("x"):rep(n)):flush()
        end)
        assert.is_nil(evt.sync_timeout(0, input:read_some_evt()))
      end
    end)
  end)
end)
