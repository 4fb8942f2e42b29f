-- A small operating system, as in richards.py.
local SIZE = ...
local IDLE, WORKER, HANDLER_A, HANDLER_B, DEVICE_A, DEVICE_B = 0, 1, 2, 3, 4, 5
local WORK, DEVICE = 0, 1
local LETTERS = 4

local function class()
  local methods = {}
  methods.__index = methods
  return methods
end

local function packet(owner, kind)
  local letters = {}
  for i = 0, LETTERS - 1 do letters[i] = 0 end
  return { next = nil, owner = owner, kind = kind, position = 0, letters = letters }
end

local Queue = class()

local function queue()
  return setmetatable({ first = nil, last = nil }, Queue)
end

function Queue:put(sent)
  sent.next = nil
  if self.first == nil then self.first = sent else self.last.next = sent end
  self.last = sent
end

function Queue:take()
  local taken = self.first
  if taken ~= nil then
    self.first = taken.next
    taken.next = nil
  end
  return taken
end

local Task = class()

local function task(number, priority, behaviour)
  return setmetatable({
    number = number, priority = priority, behaviour = behaviour,
    inbox = queue(), waiting = false, held = false, runs = 0,
  }, Task)
end

function Task:ready()
  if self.held then return false end
  return not self.waiting or self.inbox.first ~= nil
end

local Idle = class()

function Idle:run(kernel)
  self.ticks = self.ticks - 1
  if self.ticks == 0 then
    kernel:stop()
    return
  end
  self.state = (self.state * 16807) % 2147483647
  if math.floor(self.state / 1024) % 2 == 0 then
    kernel:release(DEVICE_A)
  else
    kernel:release(DEVICE_B)
  end
end

local Worker = class()

function Worker:run(kernel, own, received)
  if received == nil then
    own.waiting = true
    return
  end
  self.receiver = self.receiver == HANDLER_A and HANDLER_B or HANDLER_A
  received.position = 0
  for i = 0, LETTERS - 1 do
    self.letter = self.letter % 26 + 1
    received.letters[i] = self.letter
  end
  kernel:send(own, received, self.receiver)
end

local Handler = class()

function Handler:run(kernel, own, received)
  if received ~= nil then
    if received.kind == WORK then self.work:put(received) else self.free:put(received) end
  end
  local work = self.work.first
  if work ~= nil then
    if work.position == LETTERS then
      kernel:send(own, self.work:take(), WORKER)
      return
    end
    local free = self.free:take()
    if free ~= nil then
      free.letters[0] = work.letters[work.position]
      work.position = work.position + 1
      kernel:send(own, free, self.device)
      return
    end
  end
  own.waiting = true
end

local Device = class()

function Device:run(kernel, own, received)
  if received == nil then
    local pending = self.pending
    if pending == nil then
      own.waiting = true
      return
    end
    self.pending = nil
    kernel:send(own, pending, self.handler)
    return
  end
  self.pending = received
  self.checksum = (self.checksum * 31 + received.letters[0]) % 1000003
  kernel:hold(own)
end

local Kernel = class()

function Kernel:add(number, priority, behaviour)
  local added = task(number, priority, behaviour)
  self.tasks[number] = added
  self.count = number + 1
  return added
end

function Kernel:send(sender, sent, receiver)
  sent.owner = sender.number
  self.tasks[receiver].inbox:put(sent)
  self.sent = self.sent + 1
end

function Kernel:hold(held)
  held.held = true
  self.holds = self.holds + 1
end

function Kernel:release(number)
  self.tasks[number].held = false
end

function Kernel:stop()
  self.running = false
end

function Kernel:next_task()
  local best = self.tasks[IDLE]
  for number = 0, self.count - 1 do
    local other = self.tasks[number]
    if other.priority > best.priority and other:ready() then best = other end
  end
  return best
end

function Kernel:run()
  while self.running do
    local chosen = self:next_task()
    local received = nil
    if not chosen.held then received = chosen.inbox:take() end
    chosen.waiting = false
    chosen.runs = chosen.runs + 1
    chosen.behaviour:run(self, chosen, received)
  end
end

local function handler(device)
  return setmetatable({ device = device, work = queue(), free = queue() }, Handler)
end

local function device(number)
  return setmetatable({ handler = number, pending = nil, checksum = 0 }, Device)
end

return function()
  local kernel = setmetatable({ tasks = {}, count = 0, running = true, sent = 0, holds = 0 }, Kernel)
  kernel:add(IDLE, 0, setmetatable({ ticks = SIZE, state = 1 }, Idle))
  local worker = kernel:add(WORKER, 1, setmetatable({ receiver = HANDLER_A, letter = 0 }, Worker))
  kernel:add(HANDLER_A, 2, handler(DEVICE_A))
  kernel:add(HANDLER_B, 3, handler(DEVICE_B))
  local devices = {
    kernel:add(DEVICE_A, 4, device(HANDLER_A)),
    kernel:add(DEVICE_B, 5, device(HANDLER_B)),
  }
  for _ = 1, 2 do worker.inbox:put(packet(WORKER, WORK)) end
  for i = 1, 2 do
    local served = kernel.tasks[devices[i].behaviour.handler]
    for _ = 1, 3 do served.inbox:put(packet(devices[i].number, DEVICE)) end
  end
  kernel:run()
  for number = 0, kernel.count - 1 do say("task", number, "ran", kernel.tasks[number].runs, "times") end
  say("packets sent:", kernel.sent, "holds:", kernel.holds)
  say("printed:", devices[1].behaviour.checksum, devices[2].behaviour.checksum)
end
