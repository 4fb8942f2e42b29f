-- Pancakes, as in fannkuch.py.
local SIZE = ...

local function flips(permutation, work, size)
  for i = 0, size - 1 do work[i] = permutation[i] end
  local count = 0
  local top = work[0]
  while top ~= 0 do
    local low, high = 0, top
    while low < high do
      work[low], work[high] = work[high], work[low]
      low = low + 1
      high = high - 1
    end
    count = count + 1
    top = work[0]
  end
  return count
end

local function next_permutation(permutation, counter, size)
  for last = 1, size - 1 do
    local first = permutation[0]
    for i = 0, last - 1 do permutation[i] = permutation[i + 1] end
    permutation[last] = first
    counter[last] = counter[last] + 1
    if counter[last] <= last then return true end
    counter[last] = 0
  end
  return false
end

return function()
  local permutation, work, counter = {}, {}, {}
  for i = 0, SIZE - 1 do
    permutation[i] = i
    work[i] = 0
    counter[i] = 0
  end
  local most, checksum, sign = 0, 0, 1
  local more = true
  while more do
    local count = flips(permutation, work, SIZE)
    if count > most then most = count end
    checksum = checksum + sign * count
    sign = -sign
    more = next_permutation(permutation, counter, SIZE)
  end
  say(checksum)
  say("flips of", SIZE, "pancakes:", most)
end
