-- A DNS client over UDP: asks for the IPv4 addresses of a name, asks again when
-- no answer comes in time, and gives up after a few times.  (RFC 1035.)
-- usage: lua5.4 dns.lua [name [server [port]]]
-- Without a server it runs a small one of its own, which loses the first query
-- for "slow.test", never answers for "silent.test", and knows "www.test".
local quayside = require "quayside"
local udp = quayside.udp

local TRIES = 3
local PATIENCE_S = 0.25 -- for each try

local TYPE_A, CLASS_IN = 1, 1
local NO_SUCH_NAME = 3
local IS_ANSWER = 0x8000
local WANTS_RECURSION = 0x0100

-- Messages --------------------------------------------------------------------

local HEADER = ">I2I2I2I2I2I2" -- id, flags, and the counts of four sections

-- "www.test" is 3 "www" 4 "test" 0 in a message.
local function pack_question(name)
  local labels = name:gsub("([^.]+)%.?", function(label)
    return string.pack("s1", label)
  end)
  return labels .. "\0" .. string.pack(">I2I2", TYPE_A, CLASS_IN)
end

local function pack_query(id, name)
  return HEADER:pack(id, WANTS_RECURSION, 1, 0, 0, 0) .. pack_question(name)
end

-- The position behind a name, which may end in a pointer to another.
local function skip_name(message, at)
  local length = message:byte(at)
  if length >= 0xc0 then return at + 2 end
  if length == 0 then return at + 1 end
  return skip_name(message, at + 1 + length)
end

local function unpack_address(message, at)
  local kind, class, _, data, behind =
    (">I2I2I4s2"):unpack(message, skip_name(message, at))
  local is_address = kind == TYPE_A and class == CLASS_IN and #data == 4
  return is_address and table.concat({data:byte(1, 4)}, "."), behind
end

-- A list of addresses; or nil and what is wrong.
local function unpack_answer(message)
  local _, flags, questions, answers, _, _, at = HEADER:unpack(message)
  local code = flags & 0xf
  if code == NO_SUCH_NAME then return nil, "no such name" end
  if code ~= 0 then return nil, "refused, code " .. code end
  for _ = 1, questions do at = skip_name(message, at) + 4 end
  local addresses = {}
  for _ = 1, answers do
    local address
    address, at = unpack_address(message, at)
    if address then addresses[#addresses + 1] = address end
  end
  return addresses
end

-- The client ------------------------------------------------------------------

-- The answer to query `id`; others are late ones, or not ours at all.  A
-- connected socket hears nobody but the server.
local function answer_to(socket, id)
  return quayside.evt.replace(socket:receive_evt(), function(message)
    if #message < 12 or (">I2"):unpack(message) ~= id then
      return answer_to(socket, id)
    end
    return quayside.evt.wrap(quayside.evt.always, function()
      return message
    end)
  end)
end

local function ask(name, server, port)
  local socket <close> = udp.open(server, port)
  socket:connect(server, port)
  for try = 1, TRIES do
    local id = math.random(0, 0xffff)
    socket:send(pack_query(id, name))
    local message = quayside.sync_timeout(PATIENCE_S, answer_to(socket, id))
    if message then return unpack_answer(message) end
    io.write(name, ": no answer to query ", try, "\n")
  end
  return nil, "given up"
end

-- The server ------------------------------------------------------------------

local known = {["www.test"] = "192.0.2.1", ["slow.test"] = "192.0.2.2"}
local lost = {["slow.test"] = 1, ["silent.test"] = math.huge}

local function name_in(query)
  local labels = {}
  local at = 13
  while query:byte(at) ~= 0 do
    labels[#labels + 1], at = ("s1"):unpack(query, at)
  end
  return table.concat(labels, ".")
end

local function pack_answer(query, address)
  local id, flags = (">I2I2"):unpack(query)
  local code = address and 0 or NO_SUCH_NAME
  local head = HEADER:pack(id, flags | IS_ANSWER | code, 1, address and 1 or 0,
                           0, 0)
  if not address then return head .. query:sub(13) end
  local a, b, c, d = address:match("(%d+)%.(%d+)%.(%d+)%.(%d+)")
  local same_name = 0xc00c -- a pointer to the one in the question
  return head .. query:sub(13)
         .. (">I2I2I2I4s2"):pack(same_name, TYPE_A, CLASS_IN, 60,
                                 string.char(a, b, c, d))
end

local function serve(socket)
  while true do
    local query, host, port = socket:receive(512)
    local name = name_in(query)
    local left = lost[name] or 0
    if left > 0 then
      lost[name] = left - 1
    else
      socket:send_to(host, port, pack_answer(query, known[name]))
    end
  end
end

-- -----------------------------------------------------------------------------

local names = {arg[1] or "www.test"}
local server, port = arg[2], tonumber(arg[3]) or 53
if not server then
  local socket = udp.open()
  socket:bind("127.0.0.1", 0)
  server, port = socket:addresses(true)
  quayside.spawn(serve, socket)
  if not arg[1] then
    names = {"www.test", "slow.test", "silent.test", "none.test"}
  end
end

for _, name in ipairs(names) do
  local addresses, problem = quayside.try(ask, name, server, port)
  io.write(name, ": ", addresses and table.concat(addresses, " ")
                       or tostring(problem), "\n")
end
