-- An HTTP service decides who joins: it answers GET /allowed?session=…&user=… with 200 or 403. nginx.conf needs
--
--   env SERVICE_HOST;                           # main: 127.0.0.1 when it is not set; a name needs a `resolver`
--   env SERVICE_PORT;                           # main: 8080 when it is not set
--   lua_socket_log_errors off;                  # http: what fails is logged below
--   init_worker_by_lua_file …/http_service.lua; # http
--   mediasync_hooks on;                         # in the location of Socket.IO
--   mediasync_user …;                           # there, too: without it users are who they say they are
--
-- A client joins as always. It may get NOT_ALLOWED, or CANNOT_CHECK while the service gives neither answer.
local mediasync = require "resty.mediasync"

local HOST, PORT = os.getenv "SERVICE_HOST" or "127.0.0.1", tonumber(os.getenv "SERVICE_PORT" or 8080)
local TIMEOUT = 500 -- ms to connect, to send and to receive: together less than the timeout of mediasync_hooks

-- HTTP/1.0, so that the service closes the connection; of its answer the first line says it all.
local function status_of(path)
    local socket = ngx.socket.tcp()
    socket:settimeout(TIMEOUT)
    local line
    local ok, err = socket:connect(HOST, PORT)
    if ok then ok, err = socket:send("GET " .. path .. " HTTP/1.0\r\nHost: " .. HOST .. "\r\n\r\n") end
    if ok then line, err = socket:receive() end
    socket:close()
    if not line then return nil, err end
    return line:match "^HTTP/1%.%d (%d%d%d)", "the answer was: " .. line
end

mediasync.hook("join", function(about)
    local session, user = ngx.escape_uri(about.data.sessionId), ngx.escape_uri(about.data.userId)
    local status, err = status_of("/allowed?session=" .. session .. "&user=" .. user)
    if status == "200" then return true end
    if status == "403" then return false, "NOT_ALLOWED", "You may not join this session" end
    ngx.log(ngx.ERR, "service: ", err)
    return false, "CANNOT_CHECK", "Nobody can say whether you may join, try again"
end)
