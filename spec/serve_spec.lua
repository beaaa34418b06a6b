local helper = require "helper"
local quayside = require "quayside"

local custodian, evt, tcp = quayside.custodian, quayside.evt, quayside.tcp
local semaphore, spawn = quayside.semaphore, quayside.spawn
local thread = quayside.thread

-- A server on the loopback, and its port number.
local function serve(handler, options)
  options = options or {}
  options.hostname = "127.0.0.1"
  local server = tcp.serve(0, handler, options)
  local _, port = server:addresses(true)
  return server, port
end

local function echo(input, output)
  for line in input:lines() do output:write(line, "\n") end
end

local function connect(port)
  return tcp.connect("127.0.0.1", port)
end

-- One question and its answer on a connection of its own.
local function ask(port, line)
  local input, output = connect(port)
  output:write(line, "\n"):flush()
  local answer = input:read_line()
  helper.close(input, output)
  return answer
end

describe("serve", function()
  helper.check_leaks()

  it("calls the handler for each connection, in threads of their own",
     function()
    local server, port = serve(echo)
    local clients = {}
    for i = 1, 50 do
      clients[i] = spawn(function() return ask(port, "line " .. i) end)
    end
    for i, t in ipairs(clients) do
      assert.same({true, "line " .. i}, {t:wait()})
    end
    server:stop()
  end)

  it("sends what the handler wrote when it waits and when it returns",
     function()
    local server, port = serve(function(input, output)
      assert(output:buffer_mode() == "auto")
      output:write "hello\n"
      input:read_line()
      output:write "good-bye\n"
    end)
    local input, output = connect(port)
    assert.equal("hello", input:read_line())
    output:write "\n":flush()
    assert.equal("good-bye", input:read_line())
    assert.is_nil(input:read_line())
    helper.close(input, output)
    server:stop()
  end)

  it("sends what the handler has left unsent, however slowly it is read",
     function()
    local text = ("0123456789abcdef"):rep(524288)
    local server, port = serve(function(_, output) output:write(text) end)
    local input, output = connect(port)
    local parts = {}
    repeat
      thread.yield()
      local part = input:read_some(100000)
      parts[#parts + 1] = part
    until not part
    assert.is_true(table.concat(parts) == text)
    helper.close(input, output)
    server:stop()
  end)

  it("answers and ends in order a client that was not read to the end",
     function()
    local server, port = serve(function(input, output)
      input:peek(1)
      output:write "enough\n"
    end)
    for _ = 1, helper.rounds(20, 5) do
      local input, output = connect(port)
      output:write(("x"):rep(20000)):flush()
      assert.equal("enough", input:read_line())
      assert.is_nil(input:read_line())
      helper.close(input, output)
    end
    server:stop()
  end)

  -- The client, a process of its own, ends with bytes unread: a reset.
  it("reports that the handler's last words could not be sent", function()
    local done, errors = semaphore.new(), {}
    local server, port = serve(function(input, output)
      output:write "unread":flush()
      assert(not pcall(input.read, input, "a"))
      output:write "nobody hears this"
      done:post()
    end, {on_error = function(err) errors[#errors + 1] = err end})
    local name = helper.file(([[
      local quayside = require "quayside"
      quayside.sync((quayside.tcp.connect("127.0.0.1", %d)))
      os.exit(0)]]):format(port))
    local process = io.popen(helper.command(name))
    done:wait()
    process:close()
    os.remove(name)
    server:stop()
    assert.equal(1, #errors)
    assert.equal("ECONNRESET", errors[1].code)
  end)

  it("gives each connection a custodian, gone when the handler returns",
     function()
    local seen, opened, left = {}, nil, nil
    local server, port = serve(function()
      seen[#seen + 1] = custodian.current()
      opened = helper.listener()
      left = spawn(thread.sleep, 1e6)
    end)
    for _ = 1, 3 do
      local input, output = connect(port)
      assert.is_nil(input:read_line())
      assert.is_true(opened:is_closed() and left:is_dead())
      helper.close(input, output)
    end
    assert.is_false(seen[1] == seen[2])
    for i = 1, 3 do assert.is_true(seen[i]:is_shut_down()) end
    server:stop()
  end)

  it("lets the custodian of a connection list its ports and its thread",
     function()
    local server, port = serve(function(input, output)
      local other = spawn(thread.sleep, 1e6)
      local child = custodian.new()
      local list = custodian.current():managed()
      assert.same({input, output, thread.current(), other, child}, list)
      input:close()
      assert.equal(output, custodian.current():managed()[1])
      output:write "listed\n"
    end)
    local input, output = connect(port)
    assert.equal("listed", input:read_line())
    helper.close(input, output)
    server:stop()
  end)

  it("keeps the ports that the handler has forgotten", function()
    local server, port = serve(function()
      collectgarbage()
      thread.sleep(0)
      assert.equal(3, #custodian.current():managed())
      custodian.current():managed()[2]:write "kept\n"
    end)
    local input, output = connect(port)
    assert.equal("kept", input:read_line())
    assert.is_nil(input:read_line())
    helper.close(input, output)
    server:stop()
  end)

  it("ends only the connection whose handler fails, and reports it",
     function()
    local errors = {}
    local server, port = serve(function(input, output)
      output:write "not sent"
      if input:read_line() == "fail" then error "on purpose" end
      output:write "fine\n"
    end, {on_error = function(err, traceback)
      errors[#errors + 1] = err
      assert(traceback:find("serve_spec", 1, true), traceback)
      error "in on_error" -- ends nothing
    end})
    local ok_in, ok_out = connect(port)
    local input, output = connect(port)
    output:write "fail\n":flush()
    input:read "a"
    helper.close(input, output)
    ok_out:write "go on\n":flush()
    assert.equal("not sentfine", ok_in:read_line())
    helper.close(ok_in, ok_out)
    assert.equal("not sentfine", ask(port, "x"))
    assert.equal(1, #errors)
    assert.is_truthy(errors[1]:find("on purpose", 1, true))
    server:stop()
  end)

  it("reports to standard error by default", function()
    local output, status = helper.run_script [[
      local quayside = require "quayside"
      local server = quayside.tcp.serve(0, function() error "noticed" end)
      local _, port = server:addresses(true)
      local input = quayside.tcp.connect("127.0.0.1", port)
      input:read "a"
      print "goes on"
      server:stop()
    ]]
    assert.equal(0, status, output)
    assert.is_truthy(output:find("noticed", 1, true), output)
    assert.is_truthy(output:find("goes on", 1, true), output)
  end)

  it("counts out connections however they end", function()
    local server, port = serve(function(input)
      local command = input:read_line()
      if command == "kill" then thread.current():kill()
      elseif command == "shut down" then custodian.current():shutdown_all()
      elseif command == "fail" then error {}
      elseif command == "break" then
        thread.current():send_break()
        thread.yield()
      end
    end, {max_connections = 1, on_error = function() end})
    for _ = 1, 3 do
      for _, command in ipairs {"kill", "shut down", "fail", "break", "go"} do
        assert.is_nil(ask(port, command))
      end
    end
    server:stop()
    assert.equal(server, evt.sync_timeout(0, server))
  end)

  it("never has more connections than max_connections, and as many",
     function()
    helper.with_seed(function()
      local now, most, total = 0, 0, 0
      local limit, n = math.random(2, 6), helper.rounds(300, 30)
      local server, port = serve(function(input)
        now, total = now + 1, total + 1
        most = math.max(most, now)
        local line = input:read_line()
        now = now - 1
        if line == "2" then error {} end
      end, {max_connections = limit, on_error = function() end})
      local gate, threads = semaphore.new(24), {}
      for i = 1, n do
        threads[i] = spawn(function()
          gate:wait()
          local input, output = connect(port)
          thread.yield()
          output:write(math.random(3), "\n"):flush()
          input:read "a"
          helper.close(input, output)
          gate:post()
        end)
      end
      for _, t in ipairs(threads) do assert(t:wait()) end
      assert.equal(limit, most)
      assert.equal(n, total)
      server:stop()
    end)
  end)

  it("keeps a connection whose handler waits for ever", function()
    local server, port = serve(function() quayside.channel.new():get() end)
    local input, output = connect(port)
    assert.is_nil(evt.sync_timeout(0.005, input))
    helper.settle()
    assert.is_nil(evt.sync_timeout(0.005, input))
    server:stop(0)
    assert.is_nil(input:read(1))
    helper.close(input, output)
  end)

  it("leaves those over the limit in the queue", function()
    local server, port = serve(echo, {max_connections = 1})
    local a_in, a_out = connect(port)
    a_out:write "a\n":flush()
    assert.equal("a", a_in:read_line())
    local b_in, b_out = connect(port)
    b_out:write "b\n":flush()
    assert.is_nil(evt.sync_timeout(0.02, b_in))
    helper.close(a_in, a_out)
    assert.equal("b", b_in:read_line())
    helper.close(b_in, b_out)
    server:stop()
  end)

  it("takes a listener, which stays open after stop", function()
    local listener <close>, port = helper.listener()
    local server = tcp.serve(listener, echo)
    assert.equal("x", ask(port, "x"))
    server:stop()
    assert.is_false(listener:is_closed())
    server = tcp.serve(listener, echo)
    assert.equal("y", ask(port, "y"))
    listener:close()
    server:wait() -- it ends with its listener
    server:stop()
  end)

  it("refuses wrong arguments before it opens anything", function()
    for _, arguments in ipairs {
      {"80", echo}, {-1, echo}, {65536, echo}, {0}, {0, 5}, {0, echo, 5},
      {0, echo, {max_connections = 0}}, {0, echo, {max_connections = 1.5}},
      {0, echo, {on_error = 5}},
    } do
      local ok, err = pcall(tcp.serve, table.unpack(arguments, 1, 3))
      assert.is_false(ok)
      assert.is_truthy(tostring(err):find "bad argument", tostring(err))
    end
    local server = serve(echo)
    assert.is_false(pcall(server.stop, server, -1))
    assert.is_false(pcall(server.stop, server, "1"))
    server:stop()
  end)
end)

describe("stop", function()
  helper.check_leaks()

  it("ends a server that has not begun", function()
    local server, port = serve(echo)
    server:stop()
    server:wait()
    assert.is_false(pcall(connect, port))
  end)

  it("accepts nobody any more and waits for what is under way", function()
    local finished = false
    local server, port = serve(function(input, output)
      output:write(input:read_line(), "\n")
      quayside.sleep(0.02)
      finished = true
      output:write "bye\n"
    end)
    local input, output = connect(port)
    output:write "x\n":flush()
    assert.equal("x", input:read_line())
    local stopping = spawn(function() server:stop() return finished end)
    thread.yield()
    assert.is_false(pcall(connect, port))
    assert.same({true, true}, {stopping:wait()})
    assert.equal("bye", input:read_line())
    helper.close(input, output)
  end)

  it("shuts down what is left when the grace has passed", function()
    local server, port = serve(echo)
    local input, output = connect(port)
    output:write "x\n":flush()
    assert.equal("x", input:read_line())
    local waiter = spawn(server.wait, server)
    server:stop(0.01)
    assert.is_true(waiter:wait())
    assert.is_nil(input:read_line())
    helper.close(input, output)
    server:stop() -- again: no effect
    server:wait()
  end)

  it("with no grace ends those, too, whose thread has not begun", function()
    for i = 0, 9 do
      local server, port = serve(function() quayside.sleep(1e6) end)
      local clients = {}
      for n = 1, 5 do clients[n] = {connect(port)} end
      for _ = 1, i do thread.yield() end
      server:stop(0)
      assert.equal(server, evt.sync_timeout(1, server))
      for _, client in ipairs(clients) do
        assert.is_nil(client[1]:read(1))
        helper.close(client[1], client[2])
      end
    end
  end)

  it("may be called while it waits for room, or by several at once",
     function()
    local server, port = serve(echo, {max_connections = 1})
    local input, output = connect(port)
    output:write "x\n":flush()
    assert.equal("x", input:read_line())
    local stoppers = {}
    for i = 1, 3 do stoppers[i] = spawn(server.stop, server) end
    thread.yield()
    helper.close(input, output)
    for _, t in ipairs(stoppers) do assert.is_true(t:wait()) end
  end)

  it("is what happens when the custodian around the server goes", function()
    local c = custodian.new()
    local server, port = c:with(serve, echo)
    local input, output = connect(port)
    output:write "x\n":flush()
    assert.equal("x", input:read_line())
    local waiter = spawn(server.wait, server)
    thread.yield()
    c:shutdown_all()
    assert.is_true(waiter:wait())
    assert.is_nil(input:read_line())
    helper.close(input, output)
    assert.is_false(pcall(connect, port))
  end)
end)

-- 200 clients at once come to a server that has room for a few dozen.
local SERVER = [[
local quayside = require "quayside"
local errors, served = 0, 0
local server = quayside.tcp.serve(0, function(input, output)
  output:write(input:read_line(), "\n")
  quayside.sleep(0.01)
  served = served + 1
end, {hostname = "127.0.0.1", on_error = function(err)
  assert(err.code == "EMFILE", tostring(err))
  errors = errors + 1
end})
io.write((select(2, server:addresses(true))), "\n")
io.flush()
while served < 200 do quayside.sleep(0.02) end
server:stop()
io.write(served, " ", errors > 0 and "starved" or "never starved", " ",
         os.clock() < 1 and "calm" or "spinning", "\n")
]]

describe("a server without descriptors", function()
  helper.check_leaks(60)

  it("loses no client and does not spin", function()
    local name = helper.file(SERVER)
    local process = io.popen(helper.command(name, {before = "ulimit -n 64"}))
    local port = process:read "n"
    local threads = {}
    for i = 1, 200 do
      threads[i] = spawn(function()
        local input, output = connect(port)
        output:write("client ", i, "\n"):flush()
        local answer = input:read_line()
        helper.close(input, output)
        return answer
      end)
    end
    for i, t in ipairs(threads) do
      assert.same({true, "client " .. i}, {t:wait()})
    end
    assert.equal("200 starved calm", process:read "a":match "%S[^\n]*")
    process:close()
    os.remove(name)
  end)

  it("rests while nothing is freed, with a client in the queue", function()
    local output, status = helper.run_script([[
      local quayside = require "quayside"
      local tcp = quayside.tcp
      local server = tcp.serve(0, function(input, output)
        output:write(input:read_line(), "\n")
      end, {hostname = "127.0.0.1", on_error = function() end})
      local _, port = server:addresses(true)
      local hoard = {}
      repeat
        local file = io.open "/dev/null"
        hoard[#hoard + 1] = file
      until not file
      table.remove(hoard):close() -- enough for the client
      local input, out = tcp.connect("127.0.0.1", port)
      out:write "x\n":flush()
      -- Each attempt to accept collects garbage first, which can be counted.
      local attempts = 0
      local function count()
        setmetatable({}, {__gc = function()
          attempts = attempts + 1
          count()
        end})
      end
      count()
      assert(not quayside.sync_timeout(0.4, input))
      for _, file in ipairs(hoard) do file:close() end
      print(input:read_line(), attempts < 30 and "calm" or attempts)
      server:stop()
    ]], {before = "ulimit -n 40"})
    assert.equal(0, status, output)
    assert.equal("x\tcalm\n", output)
  end)
end)
