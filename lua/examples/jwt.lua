-- Only clients with a JSON Web Token (HS256) connect, and each joins as the user that its token names. nginx.conf needs
--
--   env JWT_SECRET;                         # main: the key, of 32 bytes or more
--   lua_shared_dict jwt_subjects 10m;       # http: whose connection it is, some 200 bytes for each
--   init_worker_by_lua_file …/jwt.lua;      # http
--   mediasync_hooks on;                     # in the location of Socket.IO
--
-- A client shows its token whenever it connects, and gives the token's `sub` as its `userId` when it joins:
--
--   const socket = io(url, { auth: async (show) => show({ token: await freshToken() }) });
local ffi = require "ffi"
local cjson = require "cjson.safe"
local decode_base64url = require "ngx.base64".decode_base64url
local mediasync = require "resty.mediasync"

local LEEWAY = 5 -- seconds that the clock of who makes the tokens may be off
local SIZE = 32 -- of a SHA-256

-- libcrypto is in the process, since NGINX is linked to it.
ffi.cdef [[
const void *EVP_sha256(void);
unsigned char *HMAC(const void *md, const void *key, int key_size, const char *data, size_t size, unsigned char *mac,
    unsigned *mac_size);
int CRYPTO_memcmp(const void *a, const void *b, size_t size);
]]

-- Without a key no client is let in: an empty key would let everybody make tokens.
local secret = os.getenv "JWT_SECRET" or ""
assert(#secret >= SIZE, "JWT_SECRET is not set, or shorter than 32 bytes")
local subjects = assert(ngx.shared.jwt_subjects, "lua_shared_dict jwt_subjects is missing")

local function is_signed(text, signature)
    local mac = ffi.new("unsigned char[?]", SIZE)
    if ffi.C.HMAC(ffi.C.EVP_sha256(), secret, #secret, text, #text, mac, nil) == nil then return false end
    return #signature == SIZE and ffi.C.CRYPTO_memcmp(mac, signature, SIZE) == 0
end

local function object(base64)
    local value = cjson.decode(decode_base64url(base64) or "")
    return type(value) == "table" and value or {}
end

local function check(token)
    if type(token) ~= "string" then return nil, "NO_TOKEN", "Log in first" end
    local text, header, payload, signature = token:match "^(([%w_-]+)%.([%w_-]+))%.([%w_-]+)$"
    if not text then return nil, "BAD_TOKEN", "This is no token" end
    header = object(header)
    -- The token must not choose how it is checked: "none" would need no key. `crit` names what has to be understood.
    if header.alg ~= "HS256" or header.crit then return nil, "BAD_TOKEN", "The token must be signed with HS256" end
    if not is_signed(text, decode_base64url(signature) or "") then return nil, "BAD_TOKEN", "The signature is wrong" end
    local claims, now = object(payload), ngx.time()
    if type(claims.sub) ~= "string" or type(claims.exp) ~= "number" or type(claims.nbf or 0) ~= "number" then
        return nil, "BAD_TOKEN", "The token does not say who it is for, or until when"
    end
    if now >= claims.exp + LEEWAY then return nil, "TOKEN_EXPIRED", "The token has expired" end
    if now < (claims.nbf or 0) - LEEWAY then return nil, "TOKEN_TOO_EARLY", "The token is not valid yet" end
    return claims
end

mediasync.hook("connect", function(about)
    local claims, code, message = check(about.auth.token)
    if not claims then return false, code, message end
    -- Shared, since what a polling client sends next may come to another worker.
    assert(subjects:set(about.socket.connection, claims.sub, math.ceil(claims.exp + LEEWAY - ngx.time())))
end)

mediasync.hook("join", function(about)
    local subject = subjects:get(about.socket.connection)
    if not subject then return false, "TOKEN_EXPIRED", "The token has expired, connect again" end
    if subject ~= about.data.userId then return false, "FOREIGN_USER", "The token is for another user" end
end)

mediasync.hook("disconnect", function(about)
    subjects:delete(about.socket.connection)
end)
