-- The rules that lua.test.mjs is about.
local mediasync = require "resty.mediasync"
local told = ngx.shared.told

mediasync.hook("connect", function(about)
    if about.auth.token == "wrong" then return false, "BAD_TOKEN", "That token is wrong" end
    if about.variables.arg_who == "nobody" then return false, "NOBODY", "Nobody may come" end
    if about.auth.token == "slow" then ngx.sleep(0.05) end
    if about.auth.token == "never" then ngx.sleep(30) end
end)

mediasync.hook("join", function(about)
    local data = about.data
    if data.username == "throws" then error("no such luck") end
    if data.username == "exits" then ngx.exit(500) end
    if data.username == "number" then return 42 end
    if data.username == "secret" then return false, "WRONG_PASSWORD", "The room has a password" end
    if data.username == "refused" then return about.socket:refuse("REFUSED_BY_SOCKET", "Not you") end
    if data.username == "renamed" then
        data.username = "Renamed"
        return data
    end
    if data.username == "broken" then return { sessionId = data.sessionId } end
    if data.username == "socket" then
        local socket = ngx.socket.tcp()
        local ok, err = socket:connect("127.0.0.1", tonumber(ngx.shared.told:get("port") or 0))
        if not ok then return false, "NO_SERVICE", err end
        socket:send("GET /allowed HTTP/1.0\r\nHost: localhost\r\n\r\n")
        local line = socket:receive()
        socket:close()
        return line:find(" 200 ") ~= nil, "FORBIDDEN", "The service said no"
    end
end)

mediasync.hook("command", function(about)
    if about.event == "load_media" and about.data.mediaUrl:find("forbidden", 1, true) then
        return false, "FORBIDDEN_FILM", "Not that film"
    end
    if about.event == "load_media" and about.data.mediaUrl:find("sleep", 1, true) then ngx.sleep(30) end
    if about.event == "sync_playback" and not about.socket.isLeader then return false, "HOOK_SAYS_NO", "You do not lead" end
end)

for _, name in ipairs { "leave", "disconnect", "session_created", "session_ended", "leadership" } do
    mediasync.hook(name, function(about)
        told:rpush(name, require "cjson".encode(about))
    end)
end

mediasync.on("/", "chat", function(socket, text, options)
    if not socket.sessionId then return socket:refuse("NOT_IN_SESSION", "Join first") end
    if text == "throw" then error("thrown") end
    if text == "private" then return socket:emit("chat", "psst", { only = "you" }) end
    mediasync.emit(socket.sessionId, "chat", { from = socket.userId, text = text, options = options })
    return "delivered", #text
end)

mediasync.on("/votes", "vote", function(socket, choice)
    socket:emit("counted", choice, socket.namespace)
    return { choice = choice }
end)

mediasync.on("/votes", "call_vote", function(socket, what)
    socket:ask("vote_now", what)
end)

mediasync.answered("/votes", "vote_now", function(socket, choice, reason)
    socket:emit("voted", socket.namespace, choice, reason)
end)

mediasync.on("/", "roll_call", function(socket, who)
    return mediasync.ask(socket.connection, "present?", who)
end)

mediasync.answered("/", "present?", function(socket, answer)
    if answer == "throw" then error("thrown by an answer") end
    socket:emit("noted", answer)
end)

mediasync.hook("session_event", function(about)
    told:rpush("session_event", require "cjson".encode(about))
end)

mediasync.keep_bans("bans")

mediasync.on("/", "picture", function(socket, bytes, about)
    local parts = { mediasync.binary(bytes:reverse()), mediasync.binary(about.frame) }
    local shown = socket.sessionId and mediasync.emit(socket.sessionId, "shown", mediasync.binary(bytes), socket.userId)
    socket:emit("picture", { parts = parts, text = about.text })
    return mediasync.binary(bytes), #bytes, shown
end)

mediasync.on("/", "sketch", function(socket, what)
    return socket:ask("sketch?", mediasync.binary(what))
end)

mediasync.answered("/", "sketch?", function(socket, bytes, more)
    socket:emit("sketched", #bytes, mediasync.binary(bytes .. more.last))
end)

mediasync.on("/", "too_much", function(socket, kind)
    if kind == "circle" then
        local circle = {}
        circle.itself, circle.other, circle.bytes = circle, circle, mediasync.binary("x")
        local _, code = socket:emit("circle", circle)
        return code
    end
    local many = {}
    for i = 1, kind == "many" and 11 or 1 do many[i] = mediasync.binary(("x"):rep(kind == "long" and 40000 or 1)) end
    if kind == "result" then
        for i = 1, 11 do many[i] = mediasync.binary("x") end
        return many
    end
    local _, code = socket:emit("many", many, { _placeholder = kind == "fake" or nil, num = 3 })
    return code
end)

mediasync.on("/", "noop", function() end)

mediasync.on("/", "pid", function() return { pid = ngx.worker.pid() } end)

mediasync.on("/", "film_link", function(socket)
    local expires = ngx.time() + 6 * 3600
    local md5 = ngx.md5_bin(expires .. " " .. socket.userId .. " a secret of yours")
    local text = ngx.encode_base64(md5, true):gsub("[+/]", { ["+"] = "-", ["/"] = "_" })
    return { user = socket.userId, expires = expires, md5 = text }
end)
