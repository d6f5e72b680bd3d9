-- Tells an HTTP service of sessions that begin and end, users who leave, and new leaders. nginx.conf needs
--
--   env WEBHOOK_URL;                        # main: http://127.0.0.1:8080/events; a name needs a `resolver`
--   lua_socket_log_errors off;              # http: what fails is logged below
--   init_worker_by_lua_file …/webhook.lua;  # http
--   mediasync_hooks on;                     # in the location of Socket.IO
--
-- Clients notice nothing. The service gets a POST for each event, and answers with 2xx:
--
--   {"event":"leave","sessionId":"film-night","userId":"ann","time":1767225600,"id":"1767225600-4711-1"}
--
-- The service gets an event again, with the same id, if it answered too late. A repeated event may come after later ones,
-- and is lost when its worker ends.
local cjson = require "cjson.safe"
local mediasync = require "resty.mediasync"

local TRIES, PAUSE = 3, 0.5 -- seconds before the second try; twice as long before each one that follows
local TIMEOUT = 2000 -- ms to connect, to send and to receive
local MAX_UNDER_WAY = 1000 -- of a worker, so that a service that is down leaves threads to the other hooks

local url = assert(os.getenv "WEBHOOK_URL", "WEBHOOK_URL is not set")
local host, port, path = url:match "^http://([^/:]+):?(%d*)(.*)$"
assert(host, "WEBHOOK_URL is not like http://host:port/path")
port, path = tonumber(port) or 80, path == "" and "/" or path
local head = "POST " .. path .. " HTTP/1.0\r\nHost: " .. host .. "\r\nContent-Type: application/json\r\n"
local under_way, count = 0, 0

local function post(body)
    local socket = ngx.socket.tcp()
    socket:settimeout(TIMEOUT)
    local line
    local ok, err = socket:connect(host, port)
    if ok then ok, err = socket:send(head .. "Content-Length: " .. #body .. "\r\n\r\n" .. body) end
    if ok then line, err = socket:receive() end
    socket:close()
    if not line then return false, err end
    return line:find "^HTTP/1%.%d 2%d%d" ~= nil, "the answer was: " .. line
end

local function deliver(body)
    if under_way >= MAX_UNDER_WAY then return false, "too many are under way" end
    under_way = under_way + 1
    local done, err = post(body)
    for try = 2, TRIES do
        if done then break end
        ngx.sleep(PAUSE * 2 ^ (try - 2))
        done, err = post(body)
    end
    under_way = under_way - 1
    return done, err
end

for _, event in ipairs { "session_created", "session_ended", "leave", "leadership" } do
    mediasync.hook(event, function(about)
        count = count + 1
        about.event, about.time = event, ngx.time()
        about.id = about.time .. "-" .. ngx.worker.pid() .. "-" .. count
        local body = cjson.encode(about)
        local done, err = deliver(body)
        if not done then ngx.log(ngx.ERR, "webhook: ", err, ", lost: ", body) end
    end)
end
