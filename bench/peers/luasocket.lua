-- LuaSocket alone: one socket.select over everything, callbacks by hand.
local socket = require "socket"

local SIZE = 8192
local reading, writing, conns = {}, {}, {}

-- The sets are lists for select, with the place of each socket beside it.
local function watch(set, sock)
  if not set[sock] then
    set[#set + 1] = sock
    set[sock] = #set
  end
end

local function unwatch(set, sock)
  local at = set[sock]
  if at then
    local last = set[#set]
    set[at], set[last] = last, at
    set[#set], set[sock] = nil, nil
  end
end

local function drop(conn)
  unwatch(reading, conn.sock)
  unwatch(writing, conn.sock)
  conns[conn.sock] = nil
  conn.sock:close()
end

local function send(conn, data)
  if conn.unsent then
    conn.unsent = conn.unsent .. data
    return
  end
  local last, err, partial = conn.sock:send(data)
  if not last and err == "timeout" then
    conn.unsent = data:sub(partial + 1)
    watch(writing, conn.sock)
  elseif not last then
    drop(conn)
  end
end

-- True when nothing is left to send.
local function flush(conn)
  local last, err, partial = conn.sock:send(conn.unsent, conn.from or 1)
  if last then
    conn.unsent, conn.from = nil, nil
    unwatch(writing, conn.sock)
    return true
  elseif err == "timeout" then
    conn.from = partial + 1
  else
    drop(conn)
  end
end

local function finish(conn, data)
  send(conn, data)
  if conn.unsent then
    conn.closing = true
    unwatch(reading, conn.sock)
  else
    drop(conn)
  end
end

-- Call answer(conn, line) for every line that is there.
local function each_line(conn, answer)
  repeat
    local line, err, partial = conn.sock:receive("*l", conn.partial)
    if line then
      conn.partial = nil
      answer(conn, line)
    elseif err == "timeout" then
      conn.partial = partial
    else
      drop(conn)
    end
  until not line or not conns[conn.sock]
end

local function answer_line(conn, line)
  send(conn, line .. "\n")
end

local readers = {}

function readers.echo(conn)
  local data, err, partial = conn.sock:receive(SIZE)
  data = data or partial
  if #data > 0 then
    send(conn, data)
  elseif err ~= "timeout" then
    drop(conn)
  end
end

function readers.line(conn)
  each_line(conn, answer_line)
end

readers.pipeline = readers.line

function readers.churn(conn)
  each_line(conn, function(_, line) finish(conn, line .. "\n") end)
end

local function pump(conn)
  while conn.left > 0 do
    if conn.left < #conn.block then
      conn.block = conn.block:sub(1, conn.left)
    end
    conn.left = conn.left - #conn.block
    send(conn, conn.block)
    if conn.unsent or not conns[conn.sock] then return end
  end
  drop(conn)
end

function readers.down(conn)
  each_line(conn, function(_, line)
    local bytes, size = line:match("(%d+) (%d+)")
    conn.left, conn.block = tonumber(bytes), ("x"):rep(tonumber(size))
    conn.more = pump
    unwatch(reading, conn.sock)
    pump(conn)
  end)
end

function readers.up(conn)
  local data, err, partial = conn.sock:receive(SIZE)
  conn.total = (conn.total or 0) + #(data or partial)
  if err and err ~= "timeout" then
    finish(conn, conn.total .. "\n")
  end
end

local function accept(server)
  local sock = server:accept()
  if sock then
    sock:settimeout(0)
    sock:setoption("tcp-nodelay", true)
    conns[sock] = { sock = sock }
    watch(reading, sock)
  end
end

local function writable(conn)
  if not flush(conn) then return end
  if conn.closing then
    drop(conn)
  elseif conn.more then
    conn.more(conn)
  end
end

local read = assert(readers[arg[1]], "unknown case")
local server = assert(socket.bind("127.0.0.1", 0, 1024))
server:settimeout(0)
watch(reading, server)
print("port " .. select(2, server:getsockname()))
io.stdout:flush()

while true do
  local readable, can_write = socket.select(reading, writing)
  for _, sock in ipairs(readable) do
    if sock == server then
      accept(server)
    elseif conns[sock] then
      read(conns[sock])
    end
  end
  for _, sock in ipairs(can_write) do
    if conns[sock] then writable(conns[sock]) end
  end
end
