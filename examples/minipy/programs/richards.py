"""A small operating system: tasks of different priority pass packets to one another, SIZE ticks long.

A worker fills packets and sends them to two handlers by turns; a handler pairs each with a free packet of a device and
sends it there to be "printed"; a device is slow, and is woken by the idle task, which runs when nobody else can.
The kinds of tasks share no base class: `task.behaviour.run(...)` calls a method of whatever object it finds there.
"""

SIZE = 130000  # times that the idle task runs

IDLE = 0
WORKER = 1
HANDLER_A = 2
HANDLER_B = 3
DEVICE_A = 4
DEVICE_B = 5

WORK = 0
DEVICE = 1
LETTERS = 4  # in a packet


class Packet:
    """What tasks send; packets in a queue are linked."""

    def __init__(self, owner, kind):
        self.next = None
        self.owner = owner
        self.kind = kind
        self.position = 0
        self.letters = []
        for _ in range(LETTERS):
            self.letters.append(0)


class Queue:
    def __init__(self):
        self.first = None
        self.last = None

    def put(self, packet):
        packet.next = None
        if self.first is None:
            self.first = packet
        else:
            self.last.next = packet
        self.last = packet

    def take(self):
        """The first packet, or None."""
        packet = self.first
        if packet is not None:
            self.first = packet.next
            packet.next = None
        return packet


class Task:
    """One line in the kernel's table: who, how urgent, in what state, and what it does when it runs."""

    def __init__(self, number, priority, behaviour):
        self.number = number
        self.priority = priority
        self.behaviour = behaviour
        self.inbox = Queue()
        self.waiting = False
        self.held = False
        self.runs = 0

    def ready(self):
        if self.held:
            return False
        return not self.waiting or self.inbox.first is not None


class Idle:
    """Wakes one device or the other, as a pseudo-random bit says, and ends the whole run after `ticks` times."""

    def __init__(self, ticks):
        self.ticks = ticks
        self.state = 1

    def run(self, kernel, task, packet):
        self.ticks -= 1
        if self.ticks == 0:
            kernel.stop()
            return
        self.state = (self.state * 16807) % 2147483647
        if self.state // 1024 % 2 == 0:
            kernel.release(DEVICE_A)
        else:
            kernel.release(DEVICE_B)


class Worker:
    """Fills each packet that comes back with the next letters, and sends it to the handlers by turns."""

    def __init__(self):
        self.receiver = HANDLER_A
        self.letter = 0

    def run(self, kernel, task, packet):
        if packet is None:
            task.waiting = True
            return
        self.receiver = HANDLER_B if self.receiver == HANDLER_A else HANDLER_A
        packet.position = 0
        for i in range(LETTERS):
            self.letter = self.letter % 26 + 1
            packet.letters[i] = self.letter
        kernel.send(task, packet, self.receiver)


class Handler:
    """Gives a letter of its oldest work packet to each device packet it has; a packet used up goes back to the worker."""

    def __init__(self, device):
        self.device = device
        self.work = Queue()
        self.free = Queue()

    def run(self, kernel, task, packet):
        if packet is not None:
            if packet.kind == WORK:
                self.work.put(packet)
            else:
                self.free.put(packet)
        work = self.work.first
        if work is not None:
            if work.position == LETTERS:
                kernel.send(task, self.work.take(), WORKER)
                return
            free = self.free.take()
            if free is not None:
                free.letters[0] = work.letters[work.position]
                work.position += 1
                kernel.send(task, free, self.device)
                return
        task.waiting = True


class Device:
    """Holds itself for each packet until it is released, then gives the packet back to the handler."""

    def __init__(self, handler):
        self.handler = handler
        self.pending = None
        self.checksum = 0

    def run(self, kernel, task, packet):
        if packet is None:
            pending = self.pending
            if pending is None:
                task.waiting = True
                return
            self.pending = None
            kernel.send(task, pending, self.handler)
            return
        self.pending = packet
        self.checksum = (self.checksum * 31 + packet.letters[0]) % 1000003
        kernel.hold(task)


class Kernel:
    def __init__(self):
        self.tasks = []
        self.running = True
        self.sent = 0
        self.holds = 0

    def add(self, number, priority, behaviour):
        """Numbers are given in order, so that a task's number is its index."""
        task = Task(number, priority, behaviour)
        self.tasks.append(task)
        return task

    def send(self, sender, packet, receiver):
        packet.owner = sender.number
        self.tasks[receiver].inbox.put(packet)
        self.sent += 1

    def hold(self, task):
        task.held = True
        self.holds += 1

    def release(self, number):
        self.tasks[number].held = False

    def stop(self):
        self.running = False

    def next_task(self):
        """The most urgent task that can run; the idle task always can."""
        best = self.tasks[IDLE]
        for task in self.tasks:
            if task.priority > best.priority and task.ready():
                best = task
        return best

    def run(self):
        while self.running:
            task = self.next_task()
            packet = None
            if not task.held:
                packet = task.inbox.take()
            task.waiting = False
            task.runs += 1
            task.behaviour.run(self, task, packet)


def main():
    kernel = Kernel()
    kernel.add(IDLE, 0, Idle(SIZE))
    worker = kernel.add(WORKER, 1, Worker())
    kernel.add(HANDLER_A, 2, Handler(DEVICE_A))
    kernel.add(HANDLER_B, 3, Handler(DEVICE_B))
    devices = [kernel.add(DEVICE_A, 4, Device(HANDLER_A)), kernel.add(DEVICE_B, 5, Device(HANDLER_B))]
    for _ in range(2):
        worker.inbox.put(Packet(WORKER, WORK))
    for device in devices:
        handler = kernel.tasks[device.behaviour.handler]
        for _ in range(3):
            handler.inbox.put(Packet(device.number, DEVICE))
    kernel.run()
    for task in kernel.tasks:
        print("task", task.number, "ran", task.runs, "times")
    print("packets sent:", kernel.sent, "holds:", kernel.holds)
    print("printed:", devices[0].behaviour.checksum, devices[1].behaviour.checksum)


main()
