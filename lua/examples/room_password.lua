-- Rooms with a password: who begins a session may set one, and who joins it must give the same. nginx.conf needs
--
--   lua_shared_dict room_passwords 2m;            # http: some 200 bytes for each
--   init_worker_by_lua_file …/room_password.lua;  # http
--   mediasync_hooks on;                           # in the location of Socket.IO
--
-- A client gives it whenever it joins:
--
--   socket.emit('join_session', { sessionId: 'film-night', userId: 'ann', username: 'Ann', password: 'popcorn' });
--
-- A session that somebody is in without a password stays open. Passwords outlive a reload, but no restart: the sessions
-- of a state file are open then.
local mediasync = require "resty.mediasync"

local BEGINNING = 2 -- seconds that may pass between the hook and the beginning of the session
local PAUSE = 0.1 -- seconds that a wrong password takes: what its client sends waits, and nobody guesses many
local MAX_BYTES = 128
local SALT_BYTES = 16

local passwords = assert(ngx.shared.room_passwords, "lua_shared_dict room_passwords is missing")
local random = assert(io.open("/dev/urandom", "rb"))

local function seal(salt, password)
    return salt .. ngx.hmac_sha1(salt, password)
end

-- One without a session is forgotten here, too: who gave it may not have got in, and a worker that dies tells no end.
local function stored_of(session_id)
    local stored, given_at = passwords:get(session_id)
    if not stored then return nil end
    if ngx.time() - given_at <= BEGINNING or mediasync.session(session_id) then return stored end
    passwords:delete(session_id)
end

local function is_open(session_id)
    local session = mediasync.session(session_id)
    return session and session.connectedCount > 0
end

mediasync.hook("join", function(about)
    local session_id, password = about.data.sessionId, about.data.password
    if type(password) ~= "string" then password = "" end
    if #password > MAX_BYTES then return false, "WRONG_PASSWORD", "The password is too long" end
    local stored = stored_of(session_id)
    if not stored then
        if password == "" or is_open(session_id) then return true end
        -- "safe": pushes out no other password when the memory is full, as that session would be open then.
        local added, err = passwords:safe_add(session_id, seal(random:read(SALT_BYTES), password), 0, ngx.time())
        if added then return true end
        assert(err == "exists", err)
        stored = passwords:get(session_id) -- somebody at another worker was first
    end
    if seal(stored:sub(1, SALT_BYTES), password) ~= stored then
        ngx.sleep(PAUSE)
        return false, "WRONG_PASSWORD", "This session has another password"
    end
    assert(passwords:safe_set(session_id, stored, 0, ngx.time()))
end)

mediasync.hook("session_ended", function(about)
    stored_of(about.sessionId) -- forgets it, unless the session begins anew at this moment
end)
