-- Scripts whose calls stand in the main chunk, and what happens at their end.

local helper = require "helper"
local quayside = require "quayside"

local tcp = quayside.tcp

local preamble = [[
  local quayside = require "quayside"
  local tcp = quayside.tcp
]]

-- What a script wrote, and its exit status.
local function run(source, options)
  return helper.run_script(preamble .. source, options)
end

-- Runs a script beside this process; `answer(port of ours)` is called as soon
-- as it has been started, with a listener it can connect to.
local function run_beside(source, answer)
  local listener, port = helper.listener(16)
  local name = helper.file(preamble .. ("local port = %d\n"):format(port)
                           .. source)
  local process = io.popen("{ " .. helper.command(name) .. "; } 2>&1")
  local results = table.pack(answer(listener))
  local written = process:read("a")
  local _, _, status = process:close()
  os.remove(name)
  tcp.close(listener)
  return written, status, table.unpack(results, 1, results.n)
end

describe("The main chunk", function()
  helper.check_leaks()

  it("may listen, connect, accept, read, write, flush and close without any "
     .. "wrapping", function()
    assert.equal("ping\tpong\tnil\n", (run [[
      local listener = tcp.listen(0, 4, false, "127.0.0.1")
      local _, port = tcp.addresses(listener, true)
      local a, b = tcp.connect("localhost", port)
      local c, d = tcp.accept(listener)
      b:write("ping\n")
      b:flush()
      local heard = c:read()
      d:write("pong\n")
      d:close()
      print(heard, a:read(), a:read())]]))
  end)

  it("waits while other threads run", function()
    assert.equal("1\n2\n3\nechoed\n", (run [[
      local listener = tcp.listen(0, 4, false, "127.0.0.1")
      local _, port = tcp.addresses(listener, true)
      quayside.spawn(function()
        local input, output = tcp.accept(listener)
        for i = 1, 3 do quayside.sleep(0.001) print(i) end
        output:write(input:read(), "\n")
        output:close()
      end)
      local input, output = tcp.connect("127.0.0.1", port)
      output:write("echoed\n")
      output:flush()
      print(input:read())]]))
  end)

  it("may sync, sleep, and wait for threads", function()
    assert.equal("nil\ttrue\t42\n", (run [[
      local result = quayside.sync_timeout(0.001, quayside.evt.never)
      quayside.sleep(0.001)
      print(result, quayside.spawn(function() return 42 end):wait())]]))
  end)

  it("may start threads before run, which returns when they are done",
     function()
    assert.equal("a\nb\ndone\t7\n", (run [[
      quayside.spawn(function() quayside.sleep(0.002) print "b" end)
      print("done", quayside.run(function() print "a" return 7 end))]]))
  end)

  it("may run threads to their end, whatever they have waited for before",
     function()
    assert.equal("served\n", (run [[
      local listener = tcp.listen(0, 4, false, "127.0.0.1")
      local _, port = tcp.addresses(listener, true)
      for _ = 1, 2 do
        quayside.spawn(function()
          local input, output = tcp.accept(listener)
          input:read()
          output:close()
          input:close()
        end)
        quayside.spawn(function()
          local input, output = tcp.connect("127.0.0.1", port)
          output:write("x\n")
          output:flush()
          input:read()
          input:close()
          output:close()
        end)
      end
      quayside.run()
      print "served"]]))
  end)

  it("ends the program although threads are still waiting", function()
    local written, status = run [[
      quayside.spawn(function() quayside.sleep(1000) print "never" end)
      quayside.thread.yield()
      print "end"]]
    assert.equal("end\n", written)
    assert.equal(0, status)
  end)

  it("gets errors as they are: uncaught ones end the program with a message "
     .. "and status 1", function()
    local written, status = run(([[tcp.connect("127.0.0.1", %d)]])
                                :format(helper.free_port()))
    assert.truthy(written:find("tcp.connect: connection refused", 1, true))
    assert.equal(1, status)
  end)

  it("lets errors of other threads be told on standard error only", function()
    local written, status = run [[
      quayside.spawn(function() error "in a thread" end)
      quayside.sleep(0)
      print "goes on"]]
    assert.truthy(written:find("in a thread", 1, true))
    assert.truthy(written:find("stack traceback", 1, true))
    assert.truthy(written:find("goes on", 1, true))
    assert.equal(0, status)
  end)

  it("refuses to wait in a foreign coroutine, with a clear error", function()
    local written = run [[
      local foreign = coroutine.create(function() quayside.sleep(0) end)
      print(coroutine.resume(foreign))
      print(coroutine.wrap(function() return tcp.is_port(1) end)())]]
    assert.truthy(written:find("^false\t.*quayside.coroutine"))
    assert.truthy(written:find("\nfalse\n$"))
  end)
end)

describe("The end of a program", function()
  helper.check_leaks()

  it("sends what is buffered, as far as it goes without waiting", function()
    local written, status, heard = run_beside([[
      local input, output = tcp.connect("127.0.0.1", port)
      output:write("last words")]], function(listener)
      local c, d = tcp.accept(listener)
      local heard = c:read("a")
      helper.close(c, d)
      return heard
    end)
    assert.equal("", written)
    assert.equal(0, status)
    assert.equal("last words", heard)
  end)

  it("also when an error ends it, and the peer sees an end", function()
    local _, status, heard = run_beside([[
      local input, output = tcp.connect("127.0.0.1", port)
      output:write("last words")
      error "at the end"]], function(listener)
      local c, d = tcp.accept(listener)
      local heard = c:read("a")
      helper.close(c, d)
      return heard
    end)
    assert.equal(1, status)
    assert.equal("last words", heard)
  end)

  it("also at os.exit with close, but not without", function()
    for source, expected in pairs {["os.exit(0, true)"] = "kept",
                                   ["os.exit(0)"] = ""} do
      local _, _, heard = run_beside([[
        local input, output = tcp.connect("127.0.0.1", port)
        output:write("kept")
        ]] .. source, function(listener)
        local c, d = tcp.accept(listener)
        local heard = c:read("a")
        helper.close(c, d)
        return heard
      end)
      assert.equal(expected, heard)
    end
  end)

  it("gives clients that nobody accepted an end of file", function()
    local written, status, heard = run_beside([[
      local listener = tcp.listen(0, 4, false, "127.0.0.1")
      local _, own = tcp.addresses(listener, true)
      local input, output = tcp.connect("127.0.0.1", port)
      output:write(own, "\n")
      output:flush()
      quayside.sync(listener)
      input:read()]], function(listener)
      local c, d = tcp.accept(listener)
      local a, b = tcp.connect("127.0.0.1", c:read("n"))
      b:write("hello?")
      b:flush()
      helper.close(d, c)
      local heard = a:read("a")
      quayside.try(helper.close, a, b)
      return heard
    end)
    assert.equal("", written)
    assert.equal(0, status)
    assert.equal("", heard)
  end)

  it("needs no patience: nobody reads, and the program ends", function()
    local written, status = run_beside([[
      local input, output = tcp.connect("127.0.0.1", port)
      repeat
        local sent = quayside.sync_timeout(0, output:write_evt(("x"):rep(1e6)))
      until not sent
      output:write(("y"):rep(1000))
      print "end"]], function(listener)
      return tcp.accept(listener)
    end)
    assert.equal("end\n", written)
    assert.equal(0, status)
  end)

  it("runs to-be-closed variables of the main chunk, which may wait",
     function()
    local _, _, heard = run_beside([[
      local input, out = tcp.connect("127.0.0.1", port)
      local output <close> = out
      output:write(("z"):rep(10000000))]],
      function(listener)
        local c, d = tcp.accept(listener)
        local count = 0
        for bytes in c:lines(65536) do count = count + #bytes end
        helper.close(c, d)
        return count
      end)
    assert.equal(10000000, heard)
  end)

  it("is clean when the modules are loaded and nothing else happens",
     function()
    local written, status = run "collectgarbage()"
    assert.equal("", written)
    assert.equal(0, status)
  end)
end)
