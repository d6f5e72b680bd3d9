--- Rules of one's own for mediasync: hooks, events and calls, from Lua inside NGINX.
-- See lua/README.md for every function, its context, its results and its errors.
local ffi = require "ffi"
local cjson = require "cjson.safe"
local semaphore = require "ngx.semaphore"

local C = ffi.C
local ngx = ngx
local type, pairs, pcall, xpcall, error, tostring = type, pairs, pcall, xpcall, error, tostring
local select, setmetatable, getmetatable, unpack, string = select, setmetatable, getmetatable, unpack, string
local next, rawequal = next, rawequal
local running = coroutine.running
local traceback = debug.traceback

ffi.cdef [[
int ngx_http_mediasync_ffi_version(void);
void *ngx_http_mediasync_ffi_zone(const char *name, size_t size);
int ngx_http_mediasync_ffi_listen(void *zone, unsigned hook);
int ngx_http_mediasync_ffi_listen_to(void *zone, const char *nsp, size_t nsp_size, const char *event,
    size_t event_size);
void ngx_http_mediasync_ffi_semaphore(void *zone, void *semaphore);
unsigned ngx_http_mediasync_ffi_queued(void *zone);
int ngx_http_mediasync_ffi_released(void *zone);
int ngx_http_mediasync_ffi_next(void *zone, double *number, int *hook, const char **text, size_t *size);
void ngx_http_mediasync_ffi_answer(void *zone, double number, int kind, const char *code, size_t code_size,
    const char *message, size_t message_size, const char *data, size_t data_size);
const char *ngx_http_mediasync_ffi_call(void *zone, const char *operation, size_t operation_size,
    const char *arguments, size_t arguments_size, size_t *size);
]]

local VERSION = 3
local HOOKS = {
    connect = 0, join = 1, command = 2, event = 3,
    leave = 4, disconnect = 5, session_created = 6, session_ended = 7, leadership = 8, session_event = 9, answer = 10,
}
local ALLOW, DENY, FAILED = 0, 1, 2
local EVENT, JOIN, ANSWER = HOOKS.event, HOOKS.join, HOOKS.answer

-- Light threads that answer: so many wait at the least; each that sleeps in a handler is one of at most MAX_THREADS.
local MAX_THREADS = 4096
-- A timer keeps memory for each thread that it has had, so it is replaced after so many tasks.
local TASKS_OF_A_TIMER = 100000
local WAIT_SECONDS = 60
local MAX_DEPTH = 64 -- of tables in what is sent
local MAX_ATTACHMENTS, MAX_BYTES = 10, 32 * 1024
local WATCH_SECONDS = 1
local LINGER_SECONDS = 0.5

local _M = { _VERSION = "0.2.0" }
local Zone = {}
Zone.__index = Zone
local Socket = {}
Socket.__index = Socket
local Binary = {} -- the metatable of what binary() makes
local zones = {}
-- Kept beside the sockets, which hold only what can be sent as JSON.
local zone_of = setmetatable({}, { __mode = "k" })
local refusals = setmetatable({}, { __mode = "k" })

local number = ffi.new "double[1]"
local hook = ffi.new "int[1]"
local text = ffi.new "const char *[1]"
local size = ffi.new "size_t[1]"

-- ngx.exit in a handler would end the timer that all threads live in.
local in_handler = setmetatable({}, { __mode = "k" })
local real_exit = ngx.exit

local function guard_exit()
    if _M._guarded then return end
    _M._guarded = true
    ngx.exit = function(...)
        if in_handler[running()] then error("ngx.exit() in a handler of mediasync", 2) end
        return real_exit(...)
    end
end

local function is_version_ours()
    local found, version = pcall(function() return C.ngx_http_mediasync_ffi_version() end)
    if not found then return nil, "the module ngx_http_mediasync_module is not loaded" end
    if version ~= VERSION then return nil, "ngx_http_mediasync_module is of another version" end
    return true
end

local function call(zone, operation, arguments)
    local json, err = cjson.encode(arguments)
    if not json then return nil, "INVALID_ARGUMENT", err end
    if next(arguments) == nil then json = "{}" end
    local answer = ffi.string(C.ngx_http_mediasync_ffi_call(zone.handle, operation, #operation, json, #json, size),
        size[0])
    local decoded = cjson.decode(answer)
    if not decoded then return nil, "INTERNAL", "the answer is no JSON" end
    if not decoded.ok then return nil, decoded.code, decoded.message end
    return decoded.result
end

local function answer(zone, question, kind, code, message, data)
    if question == 0 then return end
    code, message, data = code or "", message or "", data or ""
    C.ngx_http_mediasync_ffi_answer(zone.handle, question, kind, code, #code, message, #message, data, #data)
end

--- Bytes to be sent as an ArrayBuffer or a Buffer, where any other value may stand.
function _M.binary(bytes)
    if type(bytes) ~= "string" then error("binary() takes a string", 2) end
    return setmetatable({ bytes = bytes }, Binary)
end

-- The value with placeholders for what is binary in it, whose bytes are added to `attachments`.
local function detach(value, attachments, depth, above)
    if type(value) ~= "table" then return value end
    if getmetatable(value) == Binary then
        attachments[#attachments + 1] = ngx.encode_base64(value.bytes)
        return { _placeholder = true, num = #attachments - 1 }
    end
    if depth > MAX_DEPTH or above[value] then return value end -- cjson says what is wrong with it
    above[value] = true
    local copy
    for key, one in next, value do
        local other = detach(one, attachments, depth + 1, above)
        if not rawequal(other, one) then
            if not copy then
                copy = {}
                for k, v in next, value do copy[k] = v end
            end
            copy[key] = other
        end
    end
    above[value] = nil
    if not copy then return value end
    local meta = getmetatable(value) -- such as that of an empty array
    return type(meta) == "table" and setmetatable(copy, meta) or copy
end

-- The other way round: strings take the place of placeholders.
local function attach(value, attachments)
    if type(value) ~= "table" then return value end
    if value._placeholder == true then return ngx.decode_base64(attachments[value.num + 1]) end
    for key, one in pairs(value) do value[key] = attach(one, attachments) end
    return value
end

local function bytes_in(json, attachments)
    local size = #json
    for i = 1, #attachments do size = size + #attachments[i] / 4 * 3 end
    return size
end

-- A list of results as a JSON array: an empty table in it is an object.
local function encode_values(values, count)
    local parts, attachments = {}, {}
    for i = 1, count do
        local value = detach(values[i], attachments, 1, {})
        local json, err = cjson.encode(value == nil and cjson.null or value)
        if not json then error("a result cannot be sent: " .. tostring(err), 0) end
        parts[i] = json
    end
    local json = "[" .. table.concat(parts, ",") .. "]"
    if #attachments == 0 then return json end
    if #attachments > MAX_ATTACHMENTS or bytes_in(json, attachments) > MAX_BYTES then
        error("a result has more than " .. MAX_ATTACHMENTS .. " pieces of bytes, or than " .. MAX_BYTES .. " with them", 0)
    end
    return "{\"values\":" .. json .. ",\"attachments\":" .. cjson.encode(attachments) .. "}"
end

local function pack(...)
    return { n = select("#", ...), ... }
end

-- Turns the value that a hook has returned into a verdict.
local function judge(zone, question, name, results)
    local verdict = results[1]
    if verdict == nil or verdict == true then return answer(zone, question, ALLOW) end
    if verdict == false then
        local code = type(results[2]) == "string" and results[2] or "DENIED"
        local message = type(results[3]) == "string" and results[3] or "Not allowed"
        return answer(zone, question, DENY, code, message)
    end
    if type(verdict) ~= "table" then
        error("the hook \"" .. name .. "\" returned a " .. type(verdict) ..
            ", not nil, true, false or a table", 0)
    end
    local data, err = cjson.encode(verdict)
    if not data then error("the table cannot be sent: " .. tostring(err), 0) end
    return answer(zone, question, ALLOW, nil, nil, data)
end

local function new_socket(zone, about)
    local socket = setmetatable(about.socket or {}, Socket)
    zone_of[socket] = zone
    return socket
end

local function call_with_arguments(handler, socket, about)
    local arguments = about.arguments
    if about.attachments then attach(arguments, about.attachments) end
    local count = #arguments
    for i = 1, count do
        if arguments[i] == cjson.null then arguments[i] = nil end
    end
    return handler(socket, unpack(arguments, 1, count))
end

local function run_event(zone, question, about)
    local handler = zone.events[about.socket.namespace .. "\n" .. about.event]
    local socket = new_socket(zone, about)
    local results = pack(call_with_arguments(handler, socket, about))
    local refusal = refusals[socket]
    if refusal then return answer(zone, question, DENY, refusal.code, refusal.message) end
    return answer(zone, question, ALLOW, nil, nil, encode_values(results, results.n))
end

-- An acknowledgement carries, in 20 bits, what was asked: it may come to another worker than the one that asked.
local function tag_of(namespace, event)
    return ngx.crc32_short(namespace .. "\n" .. event) % 0xfffff + 1
end

local function run_answer(zone, about)
    local answered = zone.answers[about.question]
    if answered then call_with_arguments(answered.handler, new_socket(zone, about), about) end
end

local function is_banned(zone, data)
    return zone.bans and zone.bans:get(tostring(data.sessionId) .. "\n" .. tostring(data.userId))
end

local function run(zone, question, kind, json)
    local about, err = cjson.decode(json)
    if not about then error("a question is no JSON: " .. tostring(err), 0) end
    if kind == EVENT then return run_event(zone, question, about) end
    if kind == ANSWER then return run_answer(zone, about) end
    if kind == JOIN and is_banned(zone, about.data) then
        return answer(zone, question, DENY, "BANNED", "You may not join this session")
    end
    local registered = zone.hooks[kind]
    if not registered then return answer(zone, question, ALLOW) end
    local socket = about.socket and new_socket(zone, about)
    local results = pack(registered.handler(about))
    local refusal = socket and refusals[socket]
    if refusal then return answer(zone, question, DENY, refusal.code, refusal.message) end
    return judge(zone, question, registered.name, results)
end

local function handle(zone, question, kind, json)
    local thread = running()
    in_handler[thread] = true
    local done, err = xpcall(run, function(e) return traceback(tostring(e), 2) end, zone, question, kind, json)
    in_handler[thread] = nil
    if done then return end
    ngx.log(ngx.ERR, "mediasync: ", err)
    answer(zone, question, FAILED)
end

local work

-- The last thread of a replaced timer stays for those that are still in a handler, to end them when the
-- process does.
local function leave(zone, pool)
    if not pool.lingering then
        pool.lingering = true
        while pool.threads > 1 and C.ngx_http_mediasync_ffi_released(zone.handle) == 0 do
            ngx.sleep(LINGER_SECONDS)
        end
        if pool.threads > 1 then return real_exit(ngx.OK) end
    end
    pool.threads = pool.threads - 1
end

-- One that is about to be busy leaves another one to wait.
local function keep_one_waiting(zone, pool)
    if pool.waiting > 0 or pool.threads >= MAX_THREADS then return end
    pool.threads = pool.threads + 1
    ngx.thread.spawn(work, zone, pool)
end

work = function(zone, pool)
    while true do
        if C.ngx_http_mediasync_ffi_next(zone.handle, number, hook, text, size) == 1 then
            local question, kind = number[0], hook[0]
            local json = ffi.string(text[0], size[0])
            pool.tasks = pool.tasks + 1
            zone.tasks = zone.tasks + 1
            keep_one_waiting(zone, pool)
            handle(zone, question, kind, json)
        elseif C.ngx_http_mediasync_ffi_released(zone.handle) == 1 then
            -- Ends the threads that sleep in handlers, too: their clients are asked about again elsewhere.
            return real_exit(ngx.OK)
        elseif zone.pool ~= pool then
            return leave(zone, pool)
        elseif pool.tasks >= TASKS_OF_A_TIMER and zone:start() then
            pool.tasks = 0 -- and the next time round it is not the zone's any more
        else
            pool.waiting = pool.waiting + 1
            zone.semaphore:wait(WAIT_SECONDS)
            pool.waiting = pool.waiting - 1
        end
    end
end

--- Starts a new timer with threads; those of the one before end when they have nothing to do.
function Zone:start()
    local before = self.pool
    local pool = { threads = 1, waiting = 0, tasks = 0 }
    self.pool = pool
    local ok, err = ngx.timer.at(0, function(premature)
        if not premature then work(self, pool) end
    end)
    if not ok then
        self.pool = before
        ngx.log(ngx.ERR, "mediasync: no timer: ", err)
        if before then before.tasks = 0 end -- tried again after as many
        return false
    end
    if before and before.waiting > 0 then self.semaphore:post(before.waiting) end
    return true
end

-- A handler may have ended the timer in a way that nothing here can catch.
local function watch(premature, zone)
    if premature then return end
    local stuck = C.ngx_http_mediasync_ffi_queued(zone.handle) > 0 and zone.tasks == zone.seen
    zone.seen, zone.stuck = zone.tasks, stuck and zone.stuck + 1 or 0
    -- Once it may be on its way; with all threads in handlers they may be slow.
    local patience = zone.pool and zone.pool.threads >= MAX_THREADS and 30 or 2
    if zone.stuck >= patience then
        zone.stuck = 0
        ngx.log(ngx.ERR, "mediasync: the threads of hooks are gone, new ones are started")
        zone:start()
    end
end

local function begin(zone)
    if zone.pool then return end
    local made, err = semaphore.new()
    if not made then error("no semaphore: " .. tostring(err), 3) end
    guard_exit()
    zone.semaphore = made
    C.ngx_http_mediasync_ffi_semaphore(zone.handle, made.sem)
    zone:start()
    ngx.timer.every(WATCH_SECONDS, watch, zone)
end

--- The zone of that name; without a name the only one. nil and why, when there is none.
function _M.zone(name)
    name = name or ""
    if zones[name] then return zones[name] end
    local ours, err = is_version_ours()
    if not ours then return nil, err end
    local handle = C.ngx_http_mediasync_ffi_zone(name, #name)
    if handle == nil then
        return nil, name == "" and "there is not exactly one mediasync_zone, or this is no worker process"
            or "there is no mediasync_zone \"" .. name .. "\", or this is no worker process"
    end
    zones[name] = setmetatable({ handle = handle, hooks = {}, events = {}, answers = {}, tasks = 0, seen = 0, stuck = 0 }, Zone)
    return zones[name]
end

--- Registers a hook. To be called in init_worker_by_lua.
function Zone:hook(name, handler)
    local kind = HOOKS[name]
    if not kind or kind == EVENT or kind == ANSWER then error("there is no hook \"" .. tostring(name) .. "\"", 2) end
    if type(handler) ~= "function" then error("the handler is no function", 2) end
    begin(self)
    self.hooks[kind] = { name = name, handler = handler }
    C.ngx_http_mediasync_ffi_listen(self.handle, kind)
end

local function check_event(namespace, event, handler)
    if type(namespace) ~= "string" or namespace:sub(1, 1) ~= "/" then
        error("a namespace begins with \"/\"", 3)
    end
    if type(event) ~= "string" or event == "" then error("an event has a name", 3) end
    if type(handler) ~= "function" then error("the handler is no function", 3) end
end

--- Registers a handler of an event of one's own. To be called in init_worker_by_lua.
function Zone:on(namespace, event, handler)
    check_event(namespace, event, handler)
    begin(self)
    self.events[namespace .. "\n" .. event] = handler
    C.ngx_http_mediasync_ffi_listen_to(self.handle, namespace, #namespace, event, #event)
end

--- Registers who is given the acknowledgements of events that socket:ask() sends. To be called in init_worker_by_lua.
function Zone:answered(namespace, event, handler)
    check_event(namespace, event, handler)
    local tag, name = tag_of(namespace, event), namespace .. " " .. event
    local known = self.answers[tag]
    if known and known.name ~= name then error("give the event another name: it is taken for " .. known.name, 2) end
    begin(self)
    self.answers[tag] = { name = name, handler = handler }
    C.ngx_http_mediasync_ffi_listen(self.handle, ANSWER)
end

--- Keeps bans in that lua_shared_dict. To be called in init_worker_by_lua.
function Zone:keep_bans(dictionary)
    local bans = ngx.shared[dictionary]
    if not bans then error("there is no lua_shared_dict \"" .. tostring(dictionary) .. "\"", 2) end
    begin(self)
    self.bans = bans
    C.ngx_http_mediasync_ffi_listen(self.handle, JOIN)
end

local function with_arguments(target, event, ...)
    local arguments, attachments = {}, {}
    for i = 1, select("#", ...) do
        local value = detach((select(i, ...)), attachments, 1, {})
        arguments[i] = value == nil and cjson.null or value
    end
    target.event = event
    if #arguments > 0 then target.arguments = arguments end
    if #attachments > 0 then target.attachments = attachments end
    return target
end

local function question(zone, target, event, ...)
    local tag = tag_of(target.namespace, event)
    if not zone.answers[tag] then
        error("nothing has been registered with answered() for \"" .. tostring(event) .. "\"", 3)
    end
    target.question = tag
    return with_arguments(target, event, ...)
end

--- Sends an event to all members of a session, or to those of one user.
function Zone:emit(session_id, event, ...)
    return call(self, "emit", with_arguments({ sessionId = session_id }, event, ...))
end

function Zone:emit_to_user(session_id, user_id, event, ...)
    return call(self, "emit", with_arguments({ sessionId = session_id, userId = user_id }, event, ...))
end

--- Sends an event to one connection, by what `socket.connection` was.
function Zone:emit_to(connection, event, ...)
    return call(self, "emit", with_arguments({ connection = connection }, event, ...))
end

--- The same with an acknowledgement, for the handler of answered("/", event, …).
function Zone:ask(connection, event, ...)
    return call(self, "emit", question(self, { connection = connection, namespace = "/" }, event, ...))
end

--- Sends an event to every client of the server, in no order with others. Where it may, it lets others run meanwhile.
function Zone:emit_to_all(event, ...)
    local sent, shard = 0, 0
    repeat
        local result, code, message = call(self, "emit", with_arguments({ shard = shard }, event, ...))
        if not result then return nil, code, message end
        sent, shard = sent + result.sent, shard + 1
        pcall(ngx.sleep, 0)
    until shard >= result.shards
    return sent
end

function Zone:disconnect(connection)
    return call(self, "disconnect", { connection = connection })
end

function Zone:sessions(options)
    options = options or {}
    return call(self, "list", { limit = options.limit, after = options.after })
end

function Zone:session(session_id)
    return call(self, "get", { sessionId = session_id })
end

function Zone:create_session(creator_id, creator_name)
    return call(self, "create", { creatorId = creator_id, creatorName = creator_name })
end

function Zone:end_session(session_id)
    return call(self, "end_session", { sessionId = session_id })
end

function Zone:kick(session_id, user_id)
    return call(self, "kick", { sessionId = session_id, userId = user_id })
end

--- Kicks the user, who may not come back for so many seconds; without `seconds` until unban().
function Zone:ban(session_id, user_id, seconds)
    if not self.bans then error("keep_bans() has not been called", 2) end
    local ok, err = self.bans:set(session_id .. "\n" .. user_id, true, seconds or 0)
    if not ok then return nil, "NO_MEMORY", err end
    local kicked, code, message = self:kick(session_id, user_id)
    if not kicked and code ~= "USER_NOT_FOUND" and code ~= "SESSION_NOT_FOUND" then return nil, code, message end
    return true
end

function Zone:unban(session_id, user_id)
    if not self.bans then error("keep_bans() has not been called", 2) end
    self.bans:delete(session_id .. "\n" .. user_id)
    return true
end

function Zone:set_leader(session_id, user_id)
    return call(self, "set_leader", { sessionId = session_id, userId = user_id })
end

--- Loads media as the leader would: mediaUrl, and mediaId, mediaTitle, mediaDuration where there are any.
function Zone:load_media(session_id, media)
    local arguments = { sessionId = session_id }
    for key, value in pairs(media) do
        if key ~= "sessionId" then arguments[key] = value end
    end
    return call(self, "load_media", arguments)
end

--- Sends an event to the client at the other end, in the namespace of the socket.
function Socket:emit(event, ...)
    return call(zone_of[self], "emit",
        with_arguments({ connection = self.connection, namespace = self.namespace }, event, ...))
end

--- The same, and the client's acknowledgement goes to the handler of answered(namespace, event, …), in any worker.
function Socket:ask(event, ...)
    local zone = zone_of[self]
    return call(zone, "emit",
        question(zone, { connection = self.connection, namespace = self.namespace }, event, ...))
end

function Socket:disconnect()
    return call(zone_of[self], "disconnect", { connection = self.connection })
end

--- The event at hand is refused: the client gets an `error`, and a failed acknowledgement where it asked for one.
function Socket:refuse(code, message)
    refusals[self] = { code = tostring(code or "DENIED"), message = tostring(message or "Not allowed") }
end

local function of_only_zone(name)
    _M[name] = function(...)
        local zone, err = _M.zone()
        if not zone then error(err, 2) end
        return zone[name](zone, ...)
    end
end
for name in pairs(Zone) do
    if name ~= "__index" and name ~= "start" then of_only_zone(name) end
end

return _M
