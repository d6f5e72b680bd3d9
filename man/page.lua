-- For manual pages: links go nowhere there, so they are text, and a list that has nothing but them is a table of contents.
local function is_contents(list)
    local words, links = 0, 0
    pandoc.walk_block(list, {
        Link = function() links = links + 1 end,
        Str = function() words = words + 1 end,
    })
    return links > 4 and words < 3 * links
end

local seen = false

local function drop_contents(list)
    if seen or not is_contents(list) then return nil end
    seen = true
    return {}
end

-- Sections of a page stand below DESCRIPTION.
local function lower(header)
    if header.level == 1 then return nil end
    header.level = 2
    return header
end

return {
    { BulletList = drop_contents },
    { Link = function(link) return link.content end, Image = function() return {} end, Header = lower },
}
