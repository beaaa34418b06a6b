-- Real Racket at the other end, as client and as server.

local helper = require "helper"
local quayside = require "quayside"

local tcp = quayside.tcp

local function has_racket()
  local handle = io.popen "command -v racket"
  local path = handle:read("a")
  handle:close()
  return path ~= ""
end

-- Starts a Racket program; its file is removed by `finish`, which returns what
-- it wrote.
local function start(source)
  local name = helper.file("#lang racket/base\n(require racket/tcp)\n"
                           .. source)
  local process = io.popen("timeout 60 racket " .. name .. " 2>&1")
  return {
    line = function() return process:read("l") end,
    finish = function()
      local written = process:read("a")
      process:close()
      os.remove(name)
      return written
    end,
  }
end

local function skip_without_racket()
  if not has_racket() then pending "racket is not installed" end
end

describe("A Racket client", function()
  helper.check_leaks(100)

  it("is served: lines, half-close, addresses", function()
    skip_without_racket()
    local listener, port = helper.listener()
    local racket = start(([[
      (define-values (in out) (tcp-connect "127.0.0.1" %d))
      (for ([i 3])
        (fprintf out "line ~a\n" i)
        (flush-output out)
        (displayln (read-line in)))
      (define-values (here there) (tcp-addresses in))
      (displayln here)
      (close-output-port out)
      (displayln (read-line in))
      (displayln (eof-object? (read-line in)))
      (close-input-port in)]]):format(port))
    local input, output = tcp.accept(listener)
    for _ = 1, 3 do
      output:write(input:read():upper(), "\n")
      output:flush()
    end
    assert.is_nil(input:read())
    output:write("after the end\n")
    helper.close(output, input)
    assert.equal("LINE 0\nLINE 1\nLINE 2\n127.0.0.1\nafter the end\n#t\n",
                 racket.finish())
    tcp.close(listener)
  end)

  it("sees no end when the output is abandoned, before the input is closed",
     function()
    skip_without_racket()
    local listener, port = helper.listener()
    local racket = start(([[
      (define-values (in out) (tcp-connect "127.0.0.1" %d))
      (displayln (read-line in))
      (displayln (and (sync/timeout 0.1 in) #t))
      (fprintf out "now\n")
      (flush-output out)
      (displayln (eof-object? (read-line in)))]]):format(port))
    local input, output = tcp.accept(listener)
    output:write("abandoned\n")
    tcp.abandon_port(output)
    assert.equal("now", input:read())
    input:close()
    assert.equal("abandoned\n#f\n#t\n", racket.finish())
    tcp.close(listener)
  end)

  it("gets an end of file if it was never accepted", function()
    skip_without_racket()
    local listener, port = helper.listener()
    local racket = start(([[
      (define-values (in out) (tcp-connect "127.0.0.1" %d))
      (fprintf out "hello?\n")
      (flush-output out)
      (displayln (eof-object? (read-line in)))]]):format(port))
    quayside.sync(listener)
    quayside.sleep(0.05)
    tcp.close(listener)
    assert.equal("#t\n", racket.finish())
  end)
end)

describe("A Racket server", function()
  helper.check_leaks(100)

  it("serves: lines, half-close, both directions at once", function()
    skip_without_racket()
    local size = helper.rounds(2000000, 20000)
    local racket = start([[
      (define listener (tcp-listen 0 4 #t "127.0.0.1"))
      (define-values (host port far-host far-port)
        (tcp-addresses listener #t))
      (displayln port)
      (flush-output)
      (define-values (in out) (tcp-accept listener))
      (define count
        (let loop ([count 0])
          (define bytes (read-bytes 10000 in))
          (cond [(eof-object? bytes) count]
                [else (write-bytes bytes out)
                      (loop (+ count (bytes-length bytes)))])))
      (close-output-port out)
      (displayln count)]])
    local port = assert(math.tointeger(racket.line()))
    local input, output = tcp.connect("127.0.0.1", port)
    local writing = quayside.spawn(function()
      for _ = 1, size // 1000 do output:write(("r"):rep(1000)) end
      output:close()
    end)
    local count = 0
    for bytes in input:lines(4096) do count = count + #bytes end
    helper.join(writing)
    input:close()
    assert.equal(size, count)
    assert.equal(size .. "\n", racket.finish())
  end)

  it("sees the end of a connection only when both of our ports are closed "
     .. "after abandoning", function()
    skip_without_racket()
    local racket = start [[
      (define listener (tcp-listen 0 4 #t "127.0.0.1"))
      (define-values (host port far-host far-port)
        (tcp-addresses listener #t))
      (displayln port)
      (flush-output)
      (define-values (in out) (tcp-accept listener))
      (displayln (read-line in))
      (displayln (and (sync/timeout 0.1 in) #t))
      (fprintf out "close it\n")
      (flush-output out)
      (displayln (eof-object? (read-line in)))]]
    local port = assert(math.tointeger(racket.line()))
    local input, output = tcp.connect("127.0.0.1", port)
    output:write("one line\n")
    output:abandon()
    assert.equal("close it", input:read())
    input:close()
    assert.equal("one line\n#f\n#t\n", racket.finish())
  end)
end)
