-- UDP between quayside and programs of others: Racket's racket/udp and socat.
local helper = require "helper"
local quayside = require "quayside"
local common = require "udp_common"

local udp, sync_timeout = quayside.udp, quayside.sync_timeout

local PATIENCE_S = 60

local function is_installed(program)
  return os.execute("command -v " .. program .. " >/dev/null 2>&1") ~= nil
end

local function need(program)
  if not is_installed(program) then pending(program .. " is not installed") end
end

-- Runs a command; its output is read by the returned handle.
local function start(format, ...)
  return io.popen(("exec timeout %d "):format(PATIENCE_S)
                  .. format:format(...))
end

local function receive(u)
  local data, host, port = sync_timeout(PATIENCE_S, u:receive_evt())
  assert(data, "no datagram came")
  return data, host, port
end

-- Answers each datagram with its bytes backwards, and writes it down.
local racket_server = [[
#lang racket/base
(require racket/udp)
(define host (vector-ref (current-command-line-arguments) 0))
(define u (udp-open-socket host 1))
(udp-bind! u host 0)
(define-values (address port peer peer-port) (udp-addresses u #t))
(printf "~a\n" port)
(flush-output)
(define buffer (make-bytes 65536))
(for ([i 4])
  (define-values (size from from-port) (udp-receive! u buffer))
  (printf "~a ~a\n" size from)
  (define back (list->bytes (reverse (bytes->list (subbytes buffer 0 size)))))
  (udp-send-to u from from-port (bytes-append back #"!")))
]]

-- Sends three datagrams, connected, and writes down what comes back.
local racket_client = [[
#lang racket/base
(require racket/udp)
(define arguments (current-command-line-arguments))
(define host (vector-ref arguments 0))
(define port (string->number (vector-ref arguments 1)))
(define u (udp-open-socket host port))
(udp-connect! u host port)
(define buffer (make-bytes 65536))
(for ([data (list #"one" #"two\0" (make-bytes 60000 97))])
  (udp-send u data)
  (define-values (size from from-port) (udp-receive! u buffer))
  (printf "~a ~a\n" size (equal? from-port port)))
]]

-- A port nobody has at this moment.
local function free_port(host)
  local u, port = common.bound(host)
  u:close()
  return port
end

for _, family in ipairs(common.families) do
  local host = family.host
  local socat = family.name == "IPv4" and {"UDP4", host} or {"UDP6", "[::1]"}

  describe("UDP over " .. family.name, function()
    helper.check_leaks(2 * PATIENCE_S)

    it("is understood by a server in Racket", function()
      need "racket"
      local script = helper.file(racket_server)
      local racket = start("racket %s %s", helper.quote(script), host)
      local port = racket:read("n", "l")
      local u = udp.open(host)
      local data = {"hello", "", "a\0b", ("x"):rep(60000)}
      for _, each in ipairs(data) do
        u:send_to(host, port, each)
        local back, from, from_port = receive(u)
        assert.same({each:reverse() .. "!", host, port},
                    {back, from, from_port})
      end
      local lines = {}
      for i, each in ipairs(data) do lines[i] = #each .. " " .. host end
      assert.equal(table.concat(lines, "\n") .. "\n", racket:read("a"))
      assert.is_true(racket:close())
      os.remove(script)
      u:close()
    end)

    it("understands a client in Racket", function()
      need "racket"
      local script = helper.file(racket_client)
      local u, port = common.bound(host)
      local racket = start("racket %s %s %d", helper.quote(script), host, port)
      local expected = {"one", "two\0", ("a"):rep(60000)}
      for _, each in ipairs(expected) do
        local data, from, from_port = receive(u)
        assert.same({each, host}, {data, from})
        u:send_to(from, from_port, data:sub(1, 3))
      end
      assert.equal(("3 #t\n"):rep(3), racket:read("a"))
      assert.is_true(racket:close())
      os.remove(script)
      u:close()
    end)

    it("is echoed by socat", function()
      need "socat"
      local port = free_port(host)
      local process = start("socat -T 1 %s-LISTEN:%d,bind=%s PIPE", socat[1],
                            port, socat[2])
      local u = udp.open(host)
      -- Until socat listens, nobody answers.
      local answer
      for _ = 1, 20 * PATIENCE_S do
        u:send_to(host, port, "echo")
        answer = {sync_timeout(0.05, u:receive_evt())}
        if answer[1] then break end
      end
      assert.same({"echo", host, port}, answer)
      u:connect(host, port)
      while u:try_receive() do end
      u:send("connected")
      local data
      repeat data = receive(u) until data ~= "echo"
      assert.equal("connected", data)
      u:close()
      process:close()
    end)

    it("is heard from and by socat", function()
      need "socat"
      local u, port = common.bound(host)
      local process = io.popen(
        ("printf hello | timeout %d socat -t 1 - %s:%s:%d")
        :format(PATIENCE_S, socat[1], socat[2], port))
      local data, from, from_port = receive(u)
      assert.same({"hello", host}, {data, from})
      u:send_to(from, from_port, "and back")
      assert.equal("and back", process:read("a"))
      process:close()
      u:close()
    end)
  end)
end

describe("the example of a DNS client", function()
  helper.check_leaks()

  it("asks, asks again, and gives up", function()
    local process = io.popen(helper.command("examples/dns.lua") .. " 2>&1")
    local written = process:read("a")
    process:close()
    assert.equal([[
www.test: 192.0.2.1
slow.test: no answer to query 1
slow.test: 192.0.2.2
silent.test: no answer to query 1
silent.test: no answer to query 2
silent.test: no answer to query 3
silent.test: given up
none.test: no such name
]], written)
  end)
end)
