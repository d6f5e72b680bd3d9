-- For HTML: links between documents lead to their HTML; links to files that exist only in the sources become text.
local folder = os.getenv("DOCUMENT"):match("^(.*/)") or ""

-- The path in the sources of a link in this document.
local function resolve(path)
    local parts = {}
    for part in (folder .. path):gmatch("[^/]+") do
        if part == ".." then table.remove(parts) elseif part ~= "." then parts[#parts + 1] = part end
    end
    return table.concat(parts, "/")
end

local function is_installed(path)
    return path == "README.md" or path == "lua/README.md" or path:match("^docs/") ~= nil
end

local function follow(link)
    if link.target:match("^%a+:") or link.target:match("^#") then return nil end
    local path, fragment = link.target:match("^([^#]*)(.*)$")
    if not is_installed(resolve(path)) then return link.content end
    link.target = path:gsub("%.md$", ".html") .. fragment
    return link
end

return { { Link = follow } }
