-- UDP sockets: what waits for room, and what waits for a name; each in a
-- process of its own, whose system calls can be made to say "not now".
local helper = require "helper"
local shim = require "resolver_shim"

-- The loopback interface never lacks room, so sendto() here says EAGAIN while
-- the file named by SHIM_FULL exists, and poll and epoll are as they are.
local full_source = [[
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

typedef ssize_t send_function(int, const void *, size_t, int,
                              const struct sockaddr *, socklen_t);

ssize_t sendto(int fd, const void *bytes, size_t size, int flags,
               const struct sockaddr *to, socklen_t length) {
  send_function *real = (send_function *)dlsym(RTLD_NEXT, "sendto");
  const char *gate = getenv("SHIM_FULL");
  if (gate != NULL && access(gate, F_OK) == 0) {
    errno = EAGAIN;
    return -1;
  }
  return real(fd, bytes, size, flags, to, length);
}
]]

local function compile(source)
  local built = os.tmpname()
  local command = ("cc -shared -fPIC -o %s -x c - -ldl 2>&1"):format(built)
  local compiler = io.popen(command, "w")
  compiler:write(source)
  if compiler:close() then return built end
  os.remove(built)
  pending "no C compiler here (cc)"
end

-- What every script begins with.
local prelude = [[
  local quayside = require "quayside"
  local udp, spawn, sync = quayside.udp, quayside.spawn, quayside.sync
  local u, peer = udp.open(), udp.open()
  u:bind("127.0.0.1", 0)
  local _, port = u:addresses(true)
  local function settle() for _ = 1, 8 do quayside.thread.yield() end end
  local function error_of(t)
    local _, ok, err = t:wait()
    return not ok and (err.code or err)
  end
]]

local function run_when_full(source)
  local gate, built = os.tmpname(), compile(full_source)
  local written = helper.run_script(
    prelude .. "local function make_room() os.remove " .. ("%q"):format(gate)
    .. " end\n" .. source,
    {environment = ('LD_PRELOAD="$LD_PRELOAD %s" SHIM_FULL=%s')
                   :format(built, gate)})
  os.remove(gate)
  os.remove(built)
  return written
end

local function run_with_names(source)
  local options, reason = shim.options()
  if not options then pending(reason) end
  local written = helper.run_script(prelude .. [[
    local gate = os.tmpname()
    os.remove(gate)
    local function open_gate() io.open(gate, "w"):close() end
    local slow = "until=" .. gate .. "+127.0.0.1.shim"
    ]] .. source .. "\nos.remove(gate)", options)
  shim.remove()
  return written
end

describe("a UDP socket without room to send", function()
  helper.check_leaks()

  it("blocks its senders, each in its turn, and nobody else", function()
    assert.equal("12345", (run_when_full [[
      peer:connect("127.0.0.1", port)
      local threads = {}
      for i = 1, 5 do
        threads[i] = spawn(function()
          if i % 2 == 0 then peer:send(i) else sync(peer:send_evt(i)) end
        end)
        settle()
        assert(not threads[i]:is_dead())
      end
      make_room()
      -- Nobody comes first who comes last.
      assert(not peer:try_send("x"))
      assert(not quayside.sync_timeout(0, peer:send_evt("x")))
      for i = 1, 5 do threads[i]:wait() io.write((u:receive())) end
      assert(u:try_receive() == nil)
    ]]))
  end)

  it("blocks send_to, to a number or a name", function()
    assert.equal("number name event\n", (run_when_full [[
      local threads = {
        spawn(peer.send_to, peer, "127.0.0.1", port, "number"),
        spawn(peer.send_to, peer, "localhost", port, "name"),
        spawn(function()
          sync(peer:send_to_evt("localhost", port, "event"))
        end),
      }
      for _ = 1, 20 do quayside.sleep(0.005) end
      for i = 1, 3 do assert(not threads[i]:is_dead()) end
      make_room()
      for i = 1, 3 do threads[i]:wait() end
      local heard = {}
      for i = 1, 3 do heard[u:receive()] = true end
      assert(heard.number and heard.name and heard.event)
      print "number name event"
    ]]))
  end)

  it("is told by try_send and try_send_to", function()
    assert.equal("false false false nil\ntrue true true\n", (run_when_full [[
      local to = udp.open()
      peer:connect("127.0.0.1", port)
      local function try()
        return ("%s %s %s"):format(peer:try_send("x"),
                                   to:try_send_to("127.0.0.1", port, "x"),
                                   to:try_send_to("localhost", port, "x"))
      end
      print(try() .. " " .. tostring(u:try_receive()))
      make_room()
      print(try())
    ]]))
  end)

  it("is left by a break, a kill, a time-out, a close, and nothing is sent",
  function()
    assert.equal("break kill nil closed closed nil\n", (run_when_full [[
      local doomed = udp.open()
      peer:connect("127.0.0.1", port)
      doomed:connect("127.0.0.1", port)
      local broken = spawn(pcall, peer.send_enable_break, peer, "x")
      local to = udp.open()
      local killed = spawn(to.send_to, to, "127.0.0.1", port, "x")
      local closed = spawn(pcall, doomed.send, doomed, "x")
      local event = spawn(pcall, sync, doomed:send_evt "x")
      settle()
      broken:send_break()
      killed:kill()
      doomed:close()
      io.write(error_of(broken), " ", (select(2, killed:wait())).kind, " ")
      io.write(tostring(quayside.sync_timeout(0.01, peer:send_evt "x")), " ")
      io.write(error_of(closed), " ", error_of(event), " ")
      make_room()
      print(u:try_receive())
    ]]))
  end)

  it("refuses misuse at once", function()
    assert.equal("not_connected connected connected\n", (run_when_full [[
      local function code(f, ...) return select(2, pcall(f, ...)).code end
      local t = spawn(pcall, peer.send_to, peer, "127.0.0.1", port, "x")
      settle()
      io.write(code(peer.send, peer, "x"), " ")
      peer:connect("127.0.0.1", port)
      io.write(code(peer.send_to, peer, "127.0.0.1", port, "x"), " ")
      print(error_of(t))
    ]]))
  end)
end)

describe("a UDP socket that waits for a name", function()
  helper.check_leaks()

  it("lets the others run, and goes on when the name is known", function()
    assert.equal("open bind connect send_to try_send_to event\n",
                 (run_with_names [[
      local done = {}
      local other = udp.open()
      local connected = udp.open()
      local sender = udp.open()
      local calls = {
        open = function() assert(udp.is_udp(udp.open(slow, 53))) end,
        bind = function() other:bind(slow, 0) end,
        connect = function() connected:connect(slow, port) end,
        send_to = function() sender:send_to(slow, port, "x") end,
        try_send_to = function() sender:try_send_to(slow, port, "x") end,
        event = function() sync(sender:send_to_evt(slow, port, "x")) end,
      }
      local threads = {}
      for name, f in pairs(calls) do threads[name] = spawn(f) end
      settle()
      peer:send_to("127.0.0.1", port, "numeric")
      assert(u:receive() == "numeric")
      for _, t in pairs(threads) do assert(not t:is_dead()) end
      open_gate()
      for _, t in pairs(threads) do assert(t:wait()) end
      assert(other:addresses() == "127.0.0.1" and connected:is_connected())
      for _ = 1, 3 do assert(u:receive() == "x") end
      print "open bind connect send_to try_send_to event"
    ]]))
  end)

  it("takes the first address of its own family", function()
    assert.equal("127.0.0.9 ::1 127.0.0.1\nEAFNOSUPPORT EAFNOSUPPORT\n",
                 (run_with_names [[
      local a, b, c = udp.open(), udp.open("::1"), udp.open()
      a:bind("::1+127.0.0.9+127.0.0.1.shim", 0)
      b:bind("127.0.0.9+::1.shim", 0)
      c:bind("192.0.2.77+127.0.0.1.shim", 0) -- the first that can be had
      print(a:addresses() .. " " .. b:addresses() .. " " .. c:addresses())
      assert(udp.open("::1+127.0.0.1.shim"):addresses() == "::")
      local function code(f, ...) return select(2, pcall(f, ...)).code end
      print(code(a.send_to, a, "::1.shim", 9, "x") .. " "
            .. code(b.connect, b, "127.0.0.1.shim", 9))
    ]]))
  end)

  it("can be broken, killed, or closed meanwhile", function()
    assert.equal("break kill closed closed 0\n", (run_with_names [[
      local bound = udp.open()
      local threads = {
        spawn(pcall, peer.send_to_enable_break, peer, slow, port, "x"),
        spawn(peer.send_to, peer, slow, port, "x"),
        spawn(pcall, peer.send_to, peer, slow, port, "x"),
        spawn(pcall, bound.bind, bound, slow, 0),
      }
      settle()
      threads[1]:send_break()
      threads[2]:kill()
      io.write(error_of(threads[1]), " ", select(2, threads[2]:wait()).kind)
      peer:close()
      bound:close()
      open_gate()
      io.write(" ", error_of(threads[3]), " ", error_of(threads[4]), " ")
      print(require "quayside.core".counts().lookups)
      assert(u:try_receive() == nil)
    ]]))
  end)

  it("does not even begin to wait under a dead custodian", function()
    assert.equal("custodian\n", (run_with_names [[
      local owner = quayside.custodian.new()
      owner:shutdown_all()
      local _, err = pcall(owner.with, owner, udp.open, slow)
      print(err.code)
    ]]))
  end)

  it("is told how the look-up failed", function()
    assert.equal("EAI_AGAIN EAI_FAIL\n", (run_with_names [[
      local codes = {}
      for i = 1, 2 do
        local _, err = quayside.try(peer.send_to, peer,
                                    "failure=" .. i + 2 .. ".shim", port, "x")
        codes[i] = err.code
      end
      print(table.concat(codes, " "))
    ]]))
  end)
end)
