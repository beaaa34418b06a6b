-- An HTTP/1.1 server that says hello.  Connections are kept alive, requests may
-- be pipelined; a body with a Content-Length is read and ignored.
-- usage: lua5.4 http.lua [port]
local quayside = require "quayside"

local IDLE_S = 30 -- how long a connection may be silent
local MOST_BODY = 1000000 -- bytes

-- Two different answers for "no more" and "too late": nil and false.
local function read_line(input)
  return quayside.sync(
    input:read_line_evt "return-linefeed",
    quayside.evt.wrap(quayside.evt.after(IDLE_S), function() return false end))
end

-- The header fields, their names in lower case; nil if the client has gone.
local function read_fields(input)
  local fields = {}
  local line = read_line(input)
  while line and line ~= "" do
    local name, value = line:match "^([^%s:]+):%s*(.-)%s*$"
    if name then fields[name:lower()] = value end
    line = read_line(input)
  end
  return line and fields
end

local function respond(output, status, body, is_last)
  output:write("HTTP/1.1 ", status, "\r\n",
               "Content-Type: text/plain\r\n",
               "Content-Length: ", #body, "\r\n",
               is_last and "Connection: close\r\n" or "", "\r\n", body)
end

-- In bytes; nil if there is no telling, or it is too much.
local function body_length(fields)
  local digits = (fields["content-length"] or "0"):match "^%d+$"
  local length = digits and tonumber(digits)
  return length and length <= MOST_BODY and length or nil
end

local function wants_close(version, fields)
  return version == "1.0" or (fields.connection or ""):lower() == "close"
end

-- Answers one request.
-- @treturn boolean whether another may follow
local function answer(input, output)
  local line = read_line(input)
  if not line then return false end
  local method, target, version = line:match "^(%u+) (%S+) HTTP/(1%.[01])$"
  local fields = method and read_fields(input)
  if not fields then
    respond(output, "400 Bad Request", "bad request\n", true)
    return false
  end
  local length = not fields["transfer-encoding"] and body_length(fields)
  if not length then
    respond(output, "413 Content Too Large", "too much\n", true)
    return false
  end
  if length > 0 then input:read(length) end
  local is_last = wants_close(version, fields)
  respond(output, "200 OK", "hello, " .. target .. "\n", is_last)
  return not is_last
end

local function talk(input, output)
  input:set_limit {line = 8192}
  while answer(input, output) do end
end

-- Clients that go away in the middle of something are nothing to report.
local function report(err)
  if not quayside.error.is_network(err) then
    io.stderr:write("http: ", tostring(err), "\n")
  end
end

local server = quayside.tcp.serve(tonumber(arg[1]) or 0, talk,
                                  {hostname = "127.0.0.1", on_error = report})
local _, port = server:addresses(true)
io.write("listening on 127.0.0.1 port ", port, "\n"):flush()

-- Ctrl-C raises a break in the main thread, wherever it waits.
local ok, err = pcall(server.wait, server)
server:stop(0)
if not ok and not quayside.error.is_break(err) then error(err, 0) end
