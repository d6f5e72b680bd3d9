-- Only members join a session: those whom Redis has in the set members:SESSION. nginx.conf needs
--
--   env REDIS_HOST;                         # main: 127.0.0.1 when it is not set; a name needs a `resolver`
--   env REDIS_PORT;                         # main: 6379 when it is not set
--   lua_socket_log_errors off;              # http: what fails is logged below
--   init_worker_by_lua_file …/redis.lua;    # http
--   mediasync_hooks on;                     # in the location of Socket.IO
--   mediasync_user …;                       # there, too: without it users are who they say they are
--
-- The operator does: redis-cli SADD members:film-night ann
-- A client joins as always. It may get NOT_A_MEMBER, or CANNOT_CHECK while Redis gives no answer.
local mediasync = require "resty.mediasync"

local HOST, PORT = os.getenv "REDIS_HOST" or "127.0.0.1", tonumber(os.getenv "REDIS_PORT" or 6379)
local TIMEOUT = 500 -- ms to connect, to send and to receive: together less than the timeout of mediasync_hooks
local IDLE, POOL = 60000, 16 -- connections of a worker that are kept, and for how many ms

-- Ids are what clients say. As each text goes with its length, nothing in it can be taken for a command.
local function encode(...)
    local parts = { ... }
    for i, text in ipairs(parts) do parts[i] = "$" .. #text .. "\r\n" .. text .. "\r\n" end
    return "*" .. #parts .. "\r\n" .. table.concat(parts)
end

-- Sends a command whose answer is one line.
local function ask(...)
    local socket = ngx.socket.tcp()
    socket:settimeout(TIMEOUT)
    local line
    local ok, err = socket:connect(HOST, PORT)
    if ok then ok, err = socket:send(encode(...)) end
    if ok then line, err = socket:receive() end
    if not line then
        socket:close()
        return nil, err
    end
    socket:setkeepalive(IDLE, POOL)
    if line:sub(1, 1) == "-" then return nil, line:sub(2) end
    return line
end

mediasync.hook("join", function(about)
    local answer, err = ask("SISMEMBER", "members:" .. about.data.sessionId, about.data.userId)
    if not answer then
        ngx.log(ngx.ERR, "redis: ", err)
        return false, "CANNOT_CHECK", "The list of members is out of reach, try again"
    end
    if answer ~= ":1" then return false, "NOT_A_MEMBER", "This session is for its members" end
end)
