-- The chat and the reactions of the watch page: everyone in the session gets each member's messages. nginx.conf needs
--
--   lua_shared_dict chat 1m;                # http: counts members' messages, see WINDOW
--   init_worker_by_lua_file …/chat.lua;     # http
--   mediasync_hooks on;                     # in the location of Socket.IO
local mediasync = require "resty.mediasync"

local MAX_BYTES = 500
local REACTIONS = { "👍", "❤️", "😂", "😮", "😢", "👏" }
-- At most LIMIT of each kind from one connection in WINDOW seconds: enough for a lively talk, too few to drown it. The
-- workers share the count, because polls of one connection may reach any of them. A full dictionary drops its oldest.
local LIMIT, WINDOW = 5, 5
local sent = assert(ngx.shared.chat, "nginx.conf needs: lua_shared_dict chat 1m;")

local is_reaction = {}
for _, reaction in ipairs(REACTIONS) do is_reaction[reaction] = true end

-- The server names the sender, not the client.
local function deliver(socket, event, data)
    if not socket.sessionId then return socket:refuse("NOT_IN_SESSION", "Not in a session. Join a session first.") end
    if sent:incr(event .. socket.connection, 1, 0, WINDOW) > LIMIT then
        return socket:refuse("RATE_LIMITED", "Too many at once. Try again in a few seconds.")
    end
    data.userId, data.username, data.at = socket.userId, socket.username, ngx.now()
    local delivered, code, message = mediasync.emit(socket.sessionId, event, data)
    if not delivered then return socket:refuse(code, message) end
    return { success = true }
end

-- The page asks before it shows a chat: without this script the answer is UNKNOWN_EVENT.
mediasync.on("/", "chat_open", function()
    return { success = true, reactions = REACTIONS }
end)

mediasync.on("/", "chat", function(socket, text)
    if type(text) ~= "string" then return socket:refuse("INVALID_MESSAGE", "A message must be text.") end
    -- Checked before trimming: the pattern is slow on long white space.
    if #text > MAX_BYTES then return socket:refuse("MESSAGE_TOO_LONG", "That message is too long.") end
    text = text:match("^%s*(.-)%s*$")
    if text == "" then return socket:refuse("MESSAGE_EMPTY", "That message is empty.") end
    return deliver(socket, "chat", { text = text })
end)

mediasync.on("/", "reaction", function(socket, reaction)
    if not is_reaction[reaction] then return socket:refuse("UNKNOWN_REACTION", "No such reaction.") end
    return deliver(socket, "reaction", { reaction = reaction })
end)
