-- The Mandelbrot set, as in mandelbrot.py.
local SIZE = ...
local LIMIT = 50

local function escape_time(cr, ci)
  local zr, zi = 0.0, 0.0
  for count = 0, LIMIT - 1 do
    local rr, ii = zr * zr, zi * zi
    if rr + ii > 4.0 then return count end
    zi = 2.0 * zr * zi + ci
    zr = rr - ii + cr
  end
  return LIMIT
end

return function()
  local inside, total = 0, 0
  for row = 0, SIZE - 1 do
    local ci = 2.5 * row / SIZE - 1.25
    local in_row = 0
    for column = 0, SIZE - 1 do
      local time = escape_time(3.0 * column / SIZE - 2.0, ci)
      total = total + time
      if time == LIMIT then in_row = in_row + 1 end
    end
    inside = inside + in_row
  end
  say(inside, "of", SIZE * SIZE, "points are inside")
  say("iterations:", total)
end
