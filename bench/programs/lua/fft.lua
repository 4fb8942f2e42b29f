-- The fast Fourier transform, as in fft.py.
local SIZE = ...
local sqrt, floor, abs = math.sqrt, math.floor, math.abs

local function roots(half)
  local cosines, sines, count = { [0] = 1.0 }, { [0] = 0.0 }, 1
  local cosine, sine = -1.0, 0.0
  while count < half do
    local halved = sqrt(0.5 * (1.0 + cosine))
    if cosine == -1.0 then sine = 1.0 else sine = sine / (2.0 * halved) end
    cosine = halved
    local wider_cosines, wider_sines = {}, {}
    for k = 0, count - 1 do
      wider_cosines[2 * k] = cosines[k]
      wider_sines[2 * k] = sines[k]
      wider_cosines[2 * k + 1] = cosines[k] * cosine + sines[k] * sine
      wider_sines[2 * k + 1] = sines[k] * cosine - cosines[k] * sine
    end
    cosines, sines, count = wider_cosines, wider_sines, 2 * count
  end
  return cosines, sines
end

local function reorder(re, im, size)
  local j = 0
  for i = 1, size - 1 do
    local bit = size / 2
    while j >= bit do
      j = j - bit
      bit = floor(bit / 2)
    end
    j = j + bit
    if i < j then
      re[i], re[j] = re[j], re[i]
      im[i], im[j] = im[j], im[i]
    end
  end
end

local function transform(re, im, size, cosines, sines)
  reorder(re, im, size)
  local span = 1
  while span < size do
    local stride = floor(size / (2 * span))
    for k = 0, span - 1 do
      local wr, wi = cosines[k * stride], sines[k * stride]
      for low = k, size - 1, 2 * span do
        local high = low + span
        local tr = re[high] * wr - im[high] * wi
        local ti = re[high] * wi + im[high] * wr
        re[high] = re[low] - tr
        im[high] = im[low] - ti
        re[low] = re[low] + tr
        im[low] = im[low] + ti
      end
    end
    span = span * 2
  end
end

return function()
  local size = 2 ^ SIZE
  local cosines, sines = roots(size / 2)
  local re, im = {}, {}
  for i = 0, size - 1 do
    re[i] = (i * 7919 % 1009) / 1009.0
    im[i] = 0.0
  end
  transform(re, im, size, cosines, sines)
  say("mean", real(re[0] / size))
  say("highest frequency", real(re[size / 2]))
  for i = 0, size - 1 do im[i] = -im[i] end
  transform(re, im, size, cosines, sines)
  local worst = 0.0
  for i = 0, size - 1 do
    local off = abs(re[i] / size - (i * 7919 % 1009) / 1009.0)
    if off > worst then worst = off end
  end
  say("largest error below 1e-12:", worst < 1e-12)
end
