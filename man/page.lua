-- For manual pages: links have no targets there and become text; a list of links only is the table of contents and is dropped.
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

-- A page's sections come below DESCRIPTION.
local function lower(header)
    if header.level == 1 then return nil end
    header.level = 2
    return header
end

return {
    { BulletList = drop_contents },
    { Link = function(link) return link.content end, Image = function() return {} end, Header = lower },
}
