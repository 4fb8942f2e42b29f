-- The chaos game, as in chaos.py.
local SIZE = ...
local WIDTH, HEIGHT = 60, 30

local MAPS = {
  { 0.0, 0.0, 0.0, 0.16, 0.0, 1 },
  { 0.85, 0.04, -0.04, 0.85, 1.6, 86 },
  { 0.2, -0.26, 0.23, 0.22, 1.6, 93 },
  { -0.15, 0.28, 0.26, 0.24, 0.44, 100 },
}

local function canvas()
  local rows = {}
  for line = 0, HEIGHT - 1 do
    local row = {}
    for column = 0, WIDTH - 1 do row[column] = 0 end
    rows[line] = row
  end
  return rows
end

local function draw(rows, jumps)
  local x, y, state = 0.0, 0.0, 2024
  for _ = 1, jumps do
    state = next_state(state)
    local lot = math.floor(state / 65536) % 100
    for i = 1, #MAPS do
      local map = MAPS[i]
      if lot < map[6] then
        x, y = map[1] * x + map[2] * y, map[3] * x + map[4] * y + map[5]
        break
      end
    end
    local column = truncate((x + 2.5) * WIDTH / 5.5)
    local line = truncate(y * HEIGHT / 10.5)
    if 0 <= column and column < WIDTH and 0 <= line and line < HEIGHT then
      local row = rows[line]
      row[column] = row[column] + 1
    end
  end
end

return function()
  local rows = canvas()
  draw(rows, SIZE)
  local dark, most, checksum = 0, 0, 0
  for line = 0, HEIGHT - 1 do
    local row = rows[line]
    for column = 0, WIDTH - 1 do
      local count = row[column]
      checksum = (checksum * 31 + count) % 1000000007
      if count ~= 0 then dark = dark + 1 end
      if count > most then most = count end
    end
  end
  say(dark, "of", WIDTH * HEIGHT, "cells are dark, the darkest was hit", most, "times")
  say("checksum", checksum)
end
