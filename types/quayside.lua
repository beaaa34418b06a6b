---@meta quayside

-- luacheck: no unused, no max line length

-- What quayside offers, for editors that know LuaCATS annotations.  The pages
-- in docs/ say more.

---@class quayside
---@field tcp quayside.tcp
---@field udp quayside.udp.module
---@field evt quayside.evt
---@field thread quayside.thread.module
---@field channel quayside.channel.module
---@field semaphore quayside.semaphore.module
---@field custodian quayside.custodian.module
---@field port quayside.port
---@field error quayside.error.module
---@field coroutine quayside.coroutine
local quayside = {}

-- Events ----------------------------------------------------------------------

---What can be waited for.
---@class quayside.event

---@alias quayside.evtlike quayside.event|quayside.listener|quayside.input|quayside.output|quayside.thread|quayside.custodian|quayside.custodian_box|quayside.channel|quayside.semaphore|quayside.server|table

---Seconds; nil: for ever; a function: only look, and call it if nothing is
---ready.
---@alias quayside.timeout number|nil|fun(): ...

---The results of the first event to be ready.
---@param ... quayside.evtlike
---@return any ...
function quayside.sync(...) end

---The results of the first event to be ready; nil, or those of the function, if
---the time is up first.
---@param timeout quayside.timeout
---@param ... quayside.evtlike
---@return any ...
function quayside.sync_timeout(timeout, ...) end

---As sync, with breaks enabled while it waits.
---@param ... quayside.evtlike
---@return any ...
function quayside.sync_enable_break(...) end

---A thread that will run `f(...)`, from when its spawner next waits.
---@param f function
---@param ... any
---@return quayside.thread
function quayside.spawn(f, ...) end

---Nothing, `seconds` later.
---@param seconds number
function quayside.sleep(seconds) end

---The results of `f(...)`; or nil and the error, if a network error is raised.
---@param f function
---@param ... any
---@return any ...
function quayside.try(f, ...) end

---The results of `f(...)`, after all threads are done.
---@param f? function
---@param ... any
---@return any ...
function quayside.run(f, ...) end

---@class quayside.evt
---@field always quayside.event ready, always; itself as result
---@field never quayside.event never ready
local evt = {}

---The results of the first event to be ready.
---@param ... quayside.evtlike
---@return any ...
function evt.sync(...) end

---The results of the first event to be ready; nil, or those of the function, if
---the time is up first.
---@param timeout quayside.timeout
---@param ... quayside.evtlike
---@return any ...
function evt.sync_timeout(timeout, ...) end

---As sync, with breaks enabled while it waits.
---@param ... quayside.evtlike
---@return any ...
function evt.sync_enable_break(...) end

---As sync_timeout, with breaks enabled while it waits.
---@param timeout quayside.timeout
---@param ... quayside.evtlike
---@return any ...
function evt.sync_timeout_enable_break(timeout, ...) end

---Ready when one of the events is.
---@param ... quayside.evtlike
---@return quayside.event
function evt.choice(...) end

---Like `event`, its results those of `f(results of event...)`.
---@param event quayside.evtlike
---@param f function
---@return quayside.event
function evt.wrap(event, f) end

---As wrap, but `f` is called in the place of the sync.
---@param event quayside.evtlike
---@param f function
---@return quayside.event
function evt.handle(event, f) end

---When `event` is ready, `f(its results...)` makes the event to wait for in its
---place.
---@param event quayside.evtlike
---@param f fun(...): quayside.evtlike
---@return quayside.event
function evt.replace(event, f) end

---At each sync `f()` makes the event to use.
---@param f fun(): quayside.evtlike|any
---@return quayside.event
function evt.guard(f) end

---As guard; `nack` becomes ready if this event is not chosen.
---@param f fun(nack: quayside.event): quayside.evtlike|any
---@return quayside.event
function evt.nack_guard(f) end

---As guard; `f` is told whether the sync only looks.
---@param f fun(is_poll: boolean): quayside.evtlike|any
---@return quayside.event
function evt.poll_guard(f) end

---Ready `seconds` after a sync has begun to wait for it; itself as result.
---@param seconds number
---@return quayside.event
function evt.after(seconds) end

---Ready from `time` on, in seconds since the epoch; itself as result.
---@param time number
---@return quayside.event
function evt.alarm(time) end

---Is `v` an event?  Never raises.
---@param v any
---@return boolean
function evt.is_evt(v) end

-- TCP -------------------------------------------------------------------------

---@class quayside.listen_options
---@field port integer 0 to 65535; 0: any that is free
---@field max_allow_wait? integer clients that may wait to be accepted; 4
---@field reuse? boolean SO_REUSEADDR
---@field hostname? string nil: every address of the machine
---@field reuseport? boolean SO_REUSEPORT

---@class quayside.connect_options
---@field hostname string
---@field port integer 1 to 65535
---@field local_hostname? string requires local_port
---@field local_port? integer 1 to 65535

---@class quayside.serve_options
---@field hostname? string for a port number: as of listen
---@field max_allow_wait? integer for a port number: as of listen; 1024
---@field reuse? boolean for a port number: as of listen; true
---@field reuseport? boolean for a port number: as of listen
---@field max_connections? integer served at once; unlimited
---@field on_error? fun(err: any, traceback: string) for errors of handlers

---@class quayside.tcp
local tcp = {}

---A listener.
---@param port integer 0 to 65535; 0: any that is free
---@param max_allow_wait? integer clients that may wait to be accepted; 4
---@param reuse? any true: although connections linger in TIME_WAIT
---@param hostname? string nil: every address of the machine
---@return quayside.listener
---@overload fun(options: quayside.listen_options): quayside.listener
function tcp.listen(port, max_allow_wait, reuse, hostname) end

---Two ports, connected to the server.
---@param hostname string
---@param port integer 1 to 65535
---@param local_hostname? string requires local_port
---@param local_port? integer 1 to 65535
---@return quayside.input
---@return quayside.output
---@overload fun(options: quayside.connect_options): quayside.input, quayside.output
function tcp.connect(hostname, port, local_hostname, local_port) end

---As connect, with breaks enabled while it waits.
---@param hostname string
---@param port integer 1 to 65535
---@param local_hostname? string requires local_port
---@param local_port? integer 1 to 65535
---@return quayside.input
---@return quayside.output
---@overload fun(options: quayside.connect_options): quayside.input, quayside.output
function tcp.connect_enable_break(hostname, port, local_hostname, local_port) end

---Ready when connected; the results are two ports.
---@param hostname string
---@param port integer 1 to 65535
---@param local_hostname? string requires local_port
---@param local_port? integer 1 to 65535
---@return quayside.event
---@overload fun(options: quayside.connect_options): quayside.event
function tcp.connect_evt(hostname, port, local_hostname, local_port) end

---Two ports, connected to the client that has waited longest.
---@param listener quayside.listener
---@return quayside.input
---@return quayside.output
function tcp.accept(listener) end

---As accept, with breaks enabled while it waits.
---@param listener quayside.listener
---@return quayside.input
---@return quayside.output
function tcp.accept_enable_break(listener) end

---Would accept not wait?
---@param listener quayside.listener
---@return boolean
function tcp.accept_ready(listener) end

---Ready when accept would not wait; the results are two ports.
---@param listener quayside.listener
---@return quayside.event
function tcp.accept_evt(listener) end

---Closes it; clients not accepted read the end of the file.
---@param listener quayside.listener
function tcp.close(listener) end

---Closes a port; of an output, the peer hears only when the input is closed.
---@param port quayside.input|quayside.output
function tcp.abandon_port(port) end

---Two strings, this end and the other; with port numbers, four values.
---@param x quayside.input|quayside.output|quayside.listener|quayside.udp
---@param port_numbers? any
---@return string local_address
---@return string|integer
---@return string? peer_address
---@return integer? peer_port
function tcp.addresses(x, port_numbers) end

---Is `v` a listener?  Never raises.
---@param v any
---@return boolean
function tcp.is_listener(v) end

---Is `v` a port of a TCP connection?  Never raises.
---@param v any
---@return boolean
function tcp.is_port(v) end

---Is `v` an integer from 1 to 65535?  Never raises.
---@param v any
---@return boolean
function tcp.is_port_number(v) end

---Is `v` an integer from 0 to 65535?  Never raises.
---@param v any
---@return boolean
function tcp.is_listen_port_number(v) end

---A server: calls `handler(input, output)` in a thread for each connection.
---@param where integer|quayside.listener
---@param handler fun(input: quayside.input, output: quayside.output)
---@param options? quayside.serve_options
---@return quayside.server
function tcp.serve(where, handler, options) end

---@class quayside.listener
local listener = {}

---Two ports, connected to the client that has waited longest.
---@return quayside.input
---@return quayside.output
function listener:accept() end

---As accept, with breaks enabled while it waits.
---@return quayside.input
---@return quayside.output
function listener:accept_enable_break() end

---Would accept not wait?
---@return boolean
function listener:accept_ready() end

---Ready when accept would not wait; the results are two ports.
---@return quayside.event
function listener:accept_evt() end

---Closes it; clients not accepted read the end of the file.
function listener:close() end

---Has it been closed?
---@return boolean
function listener:is_closed() end

---As tcp.addresses.
---@param port_numbers? any
---@return string local_address
---@return string|integer
---@return string? peer_address
---@return integer? peer_port
function listener:addresses(port_numbers) end

---@class quayside.server
local server = {}

---Stops accepting, waits for the handlers, then shuts down those left.
---@param grace_s? number seconds; nil: as long as it takes
function server:stop(grace_s) end

---Waits until the server has come to its end.
function server:wait() end

---The addresses of its listener, as tcp.addresses.
---@param port_numbers? any
---@return string local_address
---@return string|integer
---@return string? peer_address
---@return integer? peer_port
function server:addresses(port_numbers) end

-- Ports -------------------------------------------------------------------------

---@alias quayside.read_format "n"|"l"|"L"|"a"|integer
---@alias quayside.line_mode "linefeed"|"return"|"return-linefeed"|"any"|"any-one"

---@class quayside.limits
---@field line? integer bytes of a line; 16 MiB
---@field all? integer bytes that "a" may read; 16 MiB

---The reading end of a connection.
---@class quayside.input
local input = {}

---As Lua's file:read.
---@param ... quayside.read_format
---@return string|number|nil ...
function input:read(...) end

---An iterator over read(...).
---@param ... quayside.read_format
---@return fun(): string|number|nil, ...
function input:lines(...) end

---A line without its end; nil at the end of the file.
---@param mode? quayside.line_mode
---@return string?
function input:read_line(mode) end

---What is there, at least one byte; nil at the end of the file.
---@param max? integer
---@return string?
function input:read_some(max) end

---`n` bytes behind the next `skip`; takes none.
---@param n integer
---@param skip? integer
---@return string?
function input:peek(n, skip) end

---Would a read not wait?
---@return boolean
function input:ready() end

---Sets how much may be kept, in bytes.
---@param limits quayside.limits
function input:set_limit(limits) end

---The buffer mode, after it has been set if given.
---@param mode? "none"|"block"
---@return "none"|"block"
function input:buffer_mode(mode) end

---The buffer mode in Lua's words.
---@param mode "no"|"full"
---@return true
function input:setvbuf(mode) end

---As tcp.addresses.
---@param port_numbers? any
---@return string local_address
---@return string|integer
---@return string? peer_address
---@return integer? peer_port
function input:addresses(port_numbers) end

---As close.
function input:abandon() end

---Stops reading; wakes who waits to.
function input:close() end

---Has it been closed?
---@return boolean
function input:is_closed() end

---Ready when `n` bytes are there, or the end of the file.
---@param n integer
---@return quayside.event
function input:read_evt(n) end

---Ready when a byte is there, or the end of the file.
---@param max? integer
---@return quayside.event
function input:read_some_evt(max) end

---Ready when a line is there, or the end of the file.
---@param mode? quayside.line_mode
---@return quayside.event
function input:read_line_evt(mode) end

---As read_evt, behind `skip` bytes; takes none.
---@param n integer
---@param skip? integer
---@return quayside.event
function input:peek_evt(n, skip) end

---Ready at the end of the file; the port as result.
---@return quayside.event
function input:eof_evt() end

---Ready when the port is closed; itself as result.
---@return quayside.event
function input:closed_evt() end

---The writing end of a connection.
---@class quayside.output
local output = {}

---The port; writes all of its arguments.
---@param ... string|number
---@return quayside.output
function output:write(...) end

---How many bytes of `s:sub(i, j)` were sent: as many as go, at least one.
---@param s string
---@param i? integer
---@param j? integer
---@return integer
function output:write_some(s, i, j) end

---The port, when all that was written is with the kernel.
---@return quayside.output
function output:flush() end

---Would a write not wait?
---@return boolean
function output:ready() end

---The buffer mode, after it has been set if given.
---@param mode? "none"|"line"|"block"|"auto"
---@return "none"|"line"|"block"|"auto"
function output:buffer_mode(mode) end

---The buffer mode in Lua's words.
---@param mode "no"|"line"|"full"
---@return true
function output:setvbuf(mode) end

---As tcp.addresses.
---@param port_numbers? any
---@return string local_address
---@return string|integer
---@return string? peer_address
---@return integer? peer_port
function output:addresses(port_numbers) end

---Flushes and closes; the peer hears only when the input is closed, too.
function output:abandon() end

---Flushes, and tells the peer the end of the file.
function output:close() end

---Has it been closed?
---@return boolean
function output:is_closed() end

---Ready when at least one byte of `s` can be sent; the result is the count.
---@param s string|number
---@return quayside.event
function output:write_evt(s) end

---Ready when all that was written is with the kernel; the port as result.
---@return quayside.event
function output:flush_evt() end

---Ready when the port is closed; itself as result.
---@return quayside.event
function output:closed_evt() end

---@class quayside.port
local ports = {}

---Copies up to the end of the file, and flushes.
---@param from quayside.input
---@param ... quayside.output
---@return integer count
function ports.copy(from, ...) end

---Is `v` an input port?  Never raises.
---@param v any
---@return boolean
function ports.is_input(v) end

---Is `v` an output port?  Never raises.
---@param v any
---@return boolean
function ports.is_output(v) end

-- Threads -----------------------------------------------------------------------

---@alias quayside.break_kind "break"|"hang-up"|"terminate"

---@class quayside.thread
local thread = {}

---true and its results; or false and the error that ended it.
---@return boolean
---@return any ...
function thread:wait() end

---Ends it; its pending <close> variables are closed.
function thread:kill() end

---Breaks it where it waits.
---@param kind? quayside.break_kind
function thread:send_break(kind) end

---Has it come to its end?
---@return boolean
function thread:is_dead() end

---@class quayside.thread.module
local threads = {}

---A thread that will run `f(...)`, from when its spawner next waits.
---@param f function
---@param ... any
---@return quayside.thread
function threads.spawn(f, ...) end

---The thread that calls it.
---@return quayside.thread
function threads.current() end

---Is `v` a thread?  Never raises.
---@param v any
---@return boolean
function threads.is_thread(v) end

---Nothing, `seconds` later.
---@param seconds number
function threads.sleep(seconds) end

---Nothing, after the others that are ready have had their turn.
function threads.yield() end

---true and its results; or false and the error that ended it.
---@param t quayside.thread
---@return boolean
---@return any ...
function threads.wait(t) end

---Ends it; its pending <close> variables are closed.
---@param t quayside.thread
function threads.kill(t) end

---Breaks it where it waits.
---@param t quayside.thread
---@param kind? quayside.break_kind
function threads.send_break(t, kind) end

---Has it come to its end?
---@param t quayside.thread
---@return boolean
function threads.is_dead(t) end

---Whether breaks are enabled, before they are set if `on` is given.
---@param on? boolean
---@return boolean
function threads.break_enabled(on) end

---The results of `f(...)`, called with breaks enabled or disabled.
---@param on boolean
---@param f function
---@param ... any
---@return any ...
function threads.with_break(on, f, ...) end

---The handler before; the new one is called for errors nobody waits for.
---@param handler? fun(thread: quayside.thread, err: any, traceback: string)
---@return function
function threads.on_error(handler) end

---The results of `f(...)`, after all threads are done.
---@param f? function
---@param ... any
---@return any ...
function threads.run(f, ...) end

-- Custodians ----------------------------------------------------------------------

---@class quayside.custodian
local custodian = {}

---The results of `f(...)`, called with this custodian as the current one.
---@param f function
---@param ... any
---@return any ...
function custodian:with(f, ...) end

---Ends all that it owns.
function custodian:shutdown_all() end

---Has it been shut down?
---@return boolean
function custodian:is_shut_down() end

---What it owns itself.
---@return table
function custodian:managed() end

---Holds `v` until the custodian is shut down.
---@param v any
---@return quayside.custodian_box
function custodian:box(v) end

---@class quayside.custodian_box
local custodian_box = {}

---The value; nil after the custodian has been shut down.
---@return any
function custodian_box:value() end

---@class quayside.custodian.module
local custodians = {}

---A custodian under `parent`, or under the current one.
---@param parent? quayside.custodian
---@return quayside.custodian
function custodians.new(parent) end

---The custodian that now owns what is opened.
---@return quayside.custodian
function custodians.current() end

---Is `v` a custodian?  Never raises.
---@param v any
---@return boolean
function custodians.is_custodian(v) end

---The results of `f(...)`, called with this custodian as the current one.
---@param c quayside.custodian
---@param f function
---@param ... any
---@return any ...
function custodians.with(c, f, ...) end

---Ends all that it owns.
---@param c quayside.custodian
function custodians.shutdown_all(c) end

---Has it been shut down?
---@param c quayside.custodian
---@return boolean
function custodians.is_shut_down(c) end

---What it owns itself.
---@param c quayside.custodian
---@return table
function custodians.managed(c) end

---Holds `v` until the custodian is shut down.
---@param c quayside.custodian
---@param v any
---@return quayside.custodian_box
function custodians.box(c, v) end

-- Channels and semaphores ---------------------------------------------------------

---@class quayside.channel
local channel = {}

---Nothing, after somebody has got `v`.
---@param v any not nil
function channel:put(v) end

---A value, after somebody has put one.
---@return any
function channel:get() end

---A value that can be had at once, or nil.
---@return any
function channel:try_get() end

---Ready when somebody gets `v`; itself as result.
---@param v any not nil
---@return quayside.event
function channel:put_evt(v) end

---@class quayside.channel.module
local channels = {}

---A channel.
---@return quayside.channel
function channels.new() end

---Is `v` a channel?  Never raises.
---@param v any
---@return boolean
function channels.is_channel(v) end

---Nothing, after somebody has got `v`.
---@param c quayside.channel
---@param v any not nil
function channels.put(c, v) end

---A value, after somebody has put one.
---@param c quayside.channel
---@return any
function channels.get(c) end

---A value that can be had at once, or nil.
---@param c quayside.channel
---@return any
function channels.try_get(c) end

---Ready when somebody gets `v`; itself as result.
---@param c quayside.channel
---@param v any not nil
---@return quayside.event
function channels.put_evt(c, v) end

---@class quayside.semaphore
local semaphore = {}

---Raises the count, or lets the first who waits go on.
function semaphore:post() end

---Nothing, after the count was above 0 and has been lowered.
function semaphore:wait() end

---Whether the count was above 0 and has been lowered.
---@return boolean
function semaphore:try_wait() end

---Ready when the count is above 0, which it stays; itself as result.
---@return quayside.event
function semaphore:peek_evt() end

---@class quayside.semaphore.module
local semaphores = {}

---A semaphore.
---@param count? integer 0
---@return quayside.semaphore
function semaphores.new(count) end

---Is `v` a semaphore?  Never raises.
---@param v any
---@return boolean
function semaphores.is_semaphore(v) end

---Raises the count, or lets the first who waits go on.
---@param s quayside.semaphore
function semaphores.post(s) end

---Nothing, after the count was above 0 and has been lowered.
---@param s quayside.semaphore
function semaphores.wait(s) end

---Whether the count was above 0 and has been lowered.
---@param s quayside.semaphore
---@return boolean
function semaphores.try_wait(s) end

---Ready when the count is above 0, which it stays; itself as result.
---@param s quayside.semaphore
---@return quayside.event
function semaphores.peek_evt(s) end

-- Errors ------------------------------------------------------------------------

---@class quayside.attempt
---@field address string
---@field port integer
---@field code string
---@field errno integer

---What is raised when something goes wrong outside the program.
---@class quayside.error
---@field kind "network"|"break"|"kill"
---@field code string
---@field message string
---@field op? string
---@field errno? integer
---@field hostname? string
---@field port? integer
---@field address? string
---@field attempts? quayside.attempt[]

---@class quayside.error.module
local errors = {}

---Is `v` an error object of kind "network"?  Never raises.
---@param v any
---@return boolean
function errors.is_network(v) end

---Is `v` an error object of kind "break"?  Never raises.
---@param v any
---@return boolean
function errors.is_break(v) end

---The results of `f(...)`; or nil and the error, if a network error is raised.
---@param f function
---@param ... any
---@return any ...
function errors.try(f, ...) end

-- Coroutines --------------------------------------------------------------------

---Lua's own functions, for coroutines whose code may wait.
---@class quayside.coroutine
local coroutines = {}

---@param f function
---@return thread
function coroutines.create(f) end

---@param co thread
---@param ... any
---@return boolean
---@return any ...
function coroutines.resume(co, ...) end

---@param f function
---@return function
function coroutines.wrap(f) end

---@param ... any
---@return any ...
function coroutines.yield(...) end

---@param co thread
---@return "running"|"suspended"|"normal"|"dead"
function coroutines.status(co) end

---@return thread
---@return boolean
function coroutines.running() end

---@param co? thread
---@return boolean
function coroutines.isyieldable(co) end

---@param co thread
---@return boolean
---@return any
function coroutines.close(co) end

---Puts these functions into Lua's own table `coroutine`.
function coroutines.install() end

-- UDP --------------------------------------------------------------------------

---A UDP socket.
---@class quayside.udp
local udp = {}

---Receives what is sent to that address.
---@param hostname string|nil
---@param port integer
---@param reuse? any
function udp:bind(hostname, port, reuse) end

---Sends to that address, and receives from no other; nil, nil: disconnects.
---@param hostname string|nil
---@param port integer|nil
function udp:connect(hostname, port) end

---Closes it; wakes who waits for it.
function udp:close() end

---Is it bound?
---@return boolean
function udp:is_bound() end

---Is it connected?
---@return boolean
function udp:is_connected() end

---As tcp.addresses.
---@param port_numbers? any
---@return string local_address
---@return string|integer
---@return string? peer_address
---@return integer? peer_port
function udp:addresses(port_numbers) end

---Sends one datagram.
---@param hostname string
---@param port integer
---@param data string
---@param i? integer
---@param j? integer
function udp:send_to(hostname, port, data, i, j) end

---Sends one datagram to where it is connected.
---@param data string
---@param i? integer
---@param j? integer
function udp:send(data, i, j) end

---As send_to; false if there is no room.
---@param hostname string
---@param port integer
---@param data string
---@param i? integer
---@param j? integer
---@return boolean
function udp:try_send_to(hostname, port, data, i, j) end

---As send; false if there is no room.
---@param data string
---@param i? integer
---@param j? integer
---@return boolean
function udp:try_send(data, i, j) end

---As send_to, with breaks enabled while it waits.
---@param hostname string
---@param port integer
---@param data string
---@param i? integer
---@param j? integer
function udp:send_to_enable_break(hostname, port, data, i, j) end

---As send, with breaks enabled while it waits.
---@param data string
---@param i? integer
---@param j? integer
function udp:send_enable_break(data, i, j) end

---A datagram, and where it came from.
---@param max? integer
---@return string data
---@return string hostname
---@return integer port
function udp:receive(max) end

---As receive; nil if there is none.
---@param max? integer
---@return string? data
---@return string? hostname
---@return integer? port
function udp:try_receive(max) end

---As receive, with breaks enabled while it waits.
---@param max? integer
---@return string data
---@return string hostname
---@return integer port
function udp:receive_enable_break(max) end

---Ready when send would not wait; itself as result.
---@return quayside.event
function udp:send_ready_evt() end

---Ready when receive would not wait; itself as result.
---@return quayside.event
function udp:receive_ready_evt() end

---Ready when the datagram can be sent; then it is, and the result is true.
---@param hostname string
---@param port integer
---@param data string
---@param i? integer
---@param j? integer
---@return quayside.event
function udp:send_to_evt(hostname, port, data, i, j) end

---Ready when the datagram can be sent; then it is, and the result is true.
---@param data string
---@param i? integer
---@param j? integer
---@return quayside.event
function udp:send_evt(data, i, j) end

---Ready when there is a datagram; the results are those of receive.
---@param max? integer
---@return quayside.event
function udp:receive_evt(max) end

---How many bytes the kernel keeps for it.
---@param size integer
function udp:set_receive_buffer_size(size) end

---The time to live of what it sends, in hops.
---@return integer
function udp:ttl() end

---Sets the time to live of what it sends, in hops.
---@param ttl integer
function udp:set_ttl(ttl) end

---Receives what is sent to the group, too.
---@param group string
---@param interface string|nil
function udp:multicast_join_group(group, interface) end

---Receives what is sent to the group no longer.
---@param group string
---@param interface string|nil
function udp:multicast_leave_group(group, interface) end

---The interface that datagrams for groups are sent through.
---@return string
function udp:multicast_interface() end

---Sets the interface that datagrams for groups are sent through.
---@param interface string|nil
function udp:multicast_set_interface(interface) end

---Does this machine receive what it sends to a group itself?
---@return boolean
function udp:is_multicast_loopback() end

---Sets whether this machine receives what it sends to a group itself.
---@param on any
function udp:multicast_set_loopback(on) end

---The time to live of what it sends to a group, in hops.
---@return integer
function udp:multicast_ttl() end

---Sets the time to live of what it sends to a group, in hops.
---@param ttl integer
function udp:multicast_set_ttl(ttl) end

---@class quayside.udp.module
local udps = {}

---A socket of the family of the host, IPv4 without one; bound to nothing.
---@param family_hostname? string
---@param family_port? integer
---@return quayside.udp
function udps.open(family_hostname, family_port) end

---Is `v` a UDP socket?  Never raises.
---@param v any
---@return boolean
function udps.is_udp(v) end

---Receives what is sent to that address.
---@param u quayside.udp
---@param hostname string|nil
---@param port integer
---@param reuse? any
function udps.bind(u, hostname, port, reuse) end

---Sends to that address, and receives from no other; nil, nil: disconnects.
---@param u quayside.udp
---@param hostname string|nil
---@param port integer|nil
function udps.connect(u, hostname, port) end

---Closes it; wakes who waits for it.
---@param u quayside.udp
function udps.close(u) end

---Is it bound?
---@param u quayside.udp
---@return boolean
function udps.is_bound(u) end

---Is it connected?
---@param u quayside.udp
---@return boolean
function udps.is_connected(u) end

---As tcp.addresses.
---@param u quayside.udp
---@param port_numbers? any
---@return string local_address
---@return string|integer
---@return string? peer_address
---@return integer? peer_port
function udps.addresses(u, port_numbers) end

---Sends one datagram.
---@param u quayside.udp
---@param hostname string
---@param port integer
---@param data string
---@param i? integer
---@param j? integer
function udps.send_to(u, hostname, port, data, i, j) end

---Sends one datagram to where it is connected.
---@param u quayside.udp
---@param data string
---@param i? integer
---@param j? integer
function udps.send(u, data, i, j) end

---As send_to; false if there is no room.
---@param u quayside.udp
---@param hostname string
---@param port integer
---@param data string
---@param i? integer
---@param j? integer
---@return boolean
function udps.try_send_to(u, hostname, port, data, i, j) end

---As send; false if there is no room.
---@param u quayside.udp
---@param data string
---@param i? integer
---@param j? integer
---@return boolean
function udps.try_send(u, data, i, j) end

---As send_to, with breaks enabled while it waits.
---@param u quayside.udp
---@param hostname string
---@param port integer
---@param data string
---@param i? integer
---@param j? integer
function udps.send_to_enable_break(u, hostname, port, data, i, j) end

---As send, with breaks enabled while it waits.
---@param u quayside.udp
---@param data string
---@param i? integer
---@param j? integer
function udps.send_enable_break(u, data, i, j) end

---A datagram, and where it came from.
---@param u quayside.udp
---@param max? integer
---@return string data
---@return string hostname
---@return integer port
function udps.receive(u, max) end

---As receive; nil if there is none.
---@param u quayside.udp
---@param max? integer
---@return string? data
---@return string? hostname
---@return integer? port
function udps.try_receive(u, max) end

---As receive, with breaks enabled while it waits.
---@param u quayside.udp
---@param max? integer
---@return string data
---@return string hostname
---@return integer port
function udps.receive_enable_break(u, max) end

---Ready when send would not wait; itself as result.
---@param u quayside.udp
---@return quayside.event
function udps.send_ready_evt(u) end

---Ready when receive would not wait; itself as result.
---@param u quayside.udp
---@return quayside.event
function udps.receive_ready_evt(u) end

---Ready when the datagram can be sent; then it is, and the result is true.
---@param u quayside.udp
---@param hostname string
---@param port integer
---@param data string
---@param i? integer
---@param j? integer
---@return quayside.event
function udps.send_to_evt(u, hostname, port, data, i, j) end

---Ready when the datagram can be sent; then it is, and the result is true.
---@param u quayside.udp
---@param data string
---@param i? integer
---@param j? integer
---@return quayside.event
function udps.send_evt(u, data, i, j) end

---Ready when there is a datagram; the results are those of receive.
---@param u quayside.udp
---@param max? integer
---@return quayside.event
function udps.receive_evt(u, max) end

---How many bytes the kernel keeps for it.
---@param u quayside.udp
---@param size integer
function udps.set_receive_buffer_size(u, size) end

---The time to live of what it sends, in hops.
---@param u quayside.udp
---@return integer
function udps.ttl(u) end

---Sets the time to live of what it sends, in hops.
---@param u quayside.udp
---@param ttl integer
function udps.set_ttl(u, ttl) end

---Receives what is sent to the group, too.
---@param u quayside.udp
---@param group string
---@param interface string|nil
function udps.multicast_join_group(u, group, interface) end

---Receives what is sent to the group no longer.
---@param u quayside.udp
---@param group string
---@param interface string|nil
function udps.multicast_leave_group(u, group, interface) end

---The interface that datagrams for groups are sent through.
---@param u quayside.udp
---@return string
function udps.multicast_interface(u) end

---Sets the interface that datagrams for groups are sent through.
---@param u quayside.udp
---@param interface string|nil
function udps.multicast_set_interface(u, interface) end

---Does this machine receive what it sends to a group itself?
---@param u quayside.udp
---@return boolean
function udps.is_multicast_loopback(u) end

---Sets whether this machine receives what it sends to a group itself.
---@param u quayside.udp
---@param on any
function udps.multicast_set_loopback(u, on) end

---The time to live of what it sends to a group, in hops.
---@param u quayside.udp
---@return integer
function udps.multicast_ttl(u) end

---Sets the time to live of what it sends to a group, in hops.
---@param u quayside.udp
---@param ttl integer
function udps.multicast_set_ttl(u, ttl) end

return quayside
