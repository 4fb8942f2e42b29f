"""The encoder: is it right, and how fast, beside iced-x86, GNU as and LLVM.

Right: random instructions of every form go to both assemblers. Fast: each class of operands has two loops, ours and
iced-x86's, that create and encode the same distinct instructions; nothing is kept from one to the next. Samples of all loops
alternate, so that a busy machine hurts both sides; figures are medians.
"""

import gc
import itertools
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from functools import cache, partial
from importlib.metadata import version
from typing import Any

import iced_x86 as iced

import x86_64 as x
from bench.frame.report import Column, Options, Report, Spread, Table, Timing
from tests.x86_64.assemblers import assemble, gnu_available
from tests.x86_64.cases import all_instructions, random_instructions
from tests.x86_64.test_assemblers import compare
from x86_64 import att
from x86_64.registers import REGISTERS
from x86_64.table import forms, mnemonics

Row = tuple[Any, ...]
Loop = Callable[[list[Row]], list[object]]
_BY_KIND = {(r.kind, r.number): r for r in REGISTERS}
_REGISTERS = iced.Register
_FIRST = {"r64": "RAX", "r32": "EAX", "xmm": "XMM0", "ymm": "YMM0", "zmm": "ZMM0", "k": "K0"}


def _pair(kind: str, number: int) -> tuple[object, int]:
    """A register, ours and iced-x86's."""
    return _BY_KIND[kind, number], getattr(_REGISTERS, _FIRST[kind]) + number


# --- one loop a class and side: rows of (ours…, theirs…) would hide the work, so each side has rows of its own


def _ours_registers(rows: list[Row]) -> list[object]:
    return [make(a, b).encode() for make, a, b in rows]


def _ours_three(rows: list[Row]) -> list[object]:
    return [make(a, b, c).encode() for make, a, b, c in rows]


def _ours_load(rows: list[Row]) -> list[object]:
    memory = x.Memory
    return [
        make(a, memory(base, index, scale, displacement, size)).encode()
        for make, a, base, index, scale, displacement, size in rows
    ]


def _ours_spelled(rows: list[Row]) -> list[object]:
    qword = x.qword
    return [
        make(a, qword[base + index * scale + displacement]).encode()
        for make, a, base, index, scale, displacement, _ in rows
    ]


def _ours_store(rows: list[Row]) -> list[object]:
    memory = x.Memory
    return [
        make(memory(base, index, scale, displacement, size), a).encode()
        for make, a, base, index, scale, displacement, size in rows
    ]


def _ours_masked(rows: list[Row]) -> list[object]:
    return [make(a(mask.z), b, c).encode() for make, a, mask, b, c in rows]


def _ours_broadcast(rows: list[Row]) -> list[object]:
    memory = x.Memory
    return [
        make(a, b, memory(base, index, scale, displacement, 4, None, None, 16)).encode()
        for make, a, b, base, index, scale, displacement in rows
    ]


def _theirs_registers(rows: list[Row]) -> list[object]:
    encoder, make = iced.Encoder(64), iced.Instruction.create_reg_reg
    encode, take = encoder.encode, encoder.take_buffer
    return [(encode(make(code, a, b), 0), take())[1] for code, a, b in rows]


def _theirs_immediate(rows: list[Row]) -> list[object]:
    encoder, make = iced.Encoder(64), iced.Instruction.create_reg_i32
    encode, take = encoder.encode, encoder.take_buffer
    return [(encode(make(code, a, b), 0), take())[1] for code, a, b in rows]


def _theirs_three(rows: list[Row]) -> list[object]:
    encoder, make = iced.Encoder(64), iced.Instruction.create_reg_reg_reg
    encode, take = encoder.encode, encoder.take_buffer
    return [(encode(make(code, a, b, c), 0), take())[1] for code, a, b, c in rows]


def _theirs_load(rows: list[Row]) -> list[object]:
    encoder, make, memory = iced.Encoder(64), iced.Instruction.create_reg_mem, iced.MemoryOperand
    encode, take = encoder.encode, encoder.take_buffer
    return [
        (encode(make(code, a, memory(base, index, scale, displacement, 1)), 0), take())[1]
        for code, a, base, index, scale, displacement in rows
    ]


def _theirs_store(rows: list[Row]) -> list[object]:
    encoder, make, memory = iced.Encoder(64), iced.Instruction.create_mem_reg, iced.MemoryOperand
    encode, take = encoder.encode, encoder.take_buffer
    return [
        (encode(make(code, memory(base, index, scale, displacement, 1), a), 0), take())[1]
        for code, a, base, index, scale, displacement in rows
    ]


def _theirs_store_immediate(rows: list[Row]) -> list[object]:
    encoder, make, memory = iced.Encoder(64), iced.Instruction.create_mem_i32, iced.MemoryOperand
    encode, take = encoder.encode, encoder.take_buffer
    return [
        (encode(make(code, memory(base, index, scale, displacement, 1), a), 0), take())[1]
        for code, a, base, index, scale, displacement in rows
    ]


def _theirs_masked(rows: list[Row]) -> list[object]:
    encoder, make = iced.Encoder(64), iced.Instruction.create_reg_reg_reg
    encode, take = encoder.encode, encoder.take_buffer
    result: list[object] = []
    for code, a, mask, b, c in rows:
        instruction = make(code, a, b, c)
        instruction.op_mask = mask
        instruction.zeroing_masking = True
        encode(instruction, 0)
        result.append(take())
    return result


def _theirs_broadcast(rows: list[Row]) -> list[object]:
    encoder, make, memory = iced.Encoder(64), iced.Instruction.create_reg_reg_mem, iced.MemoryOperand
    encode, take = encoder.encode, encoder.take_buffer
    return [
        (encode(make(code, a, b, memory(base, index, scale, displacement, 1, True)), 0), take())[1]
        for code, a, b, base, index, scale, displacement in rows
    ]


# --- what the loops work on

_CODES = iced.Code
SPELLED = "r64, qword(b + i*s + d)"  # a class above in another spelling, which iced-x86 has none of
_ARITHMETIC = ("ADD", "SUB", "AND", "OR", "XOR", "CMP", "ADC", "SBB")


def _addresses(generator: random.Random, count: int) -> list[tuple[tuple[object, int], tuple[object, int], int, int]]:
    """(base, index, scale, displacement), the registers on both sides."""
    return [
        (
            _pair("r64", generator.randrange(16)),
            _pair("r64", generator.choice([n for n in range(16) if n != 4])),
            generator.choice((1, 2, 4, 8)),
            generator.choice((generator.randrange(-128, 128), generator.randrange(-(1 << 31), 1 << 31))),
        )
        for _ in range(count)
    ]


def _classes(count: int, generator: random.Random) -> dict[str, tuple[Loop, list[Row], Loop, list[Row]]]:
    """Name of the class: our loop and rows, their loop and rows."""

    def registers(kind: str, limit: int, operands: int) -> list[list[tuple[object, int]]]:
        return [[_pair(kind, generator.randrange(limit)) for _ in range(operands)] for _ in range(count)]

    def ours(names: list[str], rows: Iterable[Iterable[object]]) -> list[Row]:
        return [(getattr(x, names[i % len(names)]), *row) for i, row in enumerate(rows)]

    def theirs(codes: list[str], rows: Iterable[Iterable[object]]) -> list[Row]:
        return [(getattr(_CODES, codes[i % len(codes)]), *row) for i, row in enumerate(rows)]

    def side(rows: list[list[tuple[object, int]]], which: int) -> list[list[object]]:
        return [[pair[which] for pair in row] for row in rows]

    arithmetic = list(_ARITHMETIC)
    general, narrow = registers("r64", 16, 2), registers("r32", 16, 2)
    numbers = [
        generator.choice((generator.randrange(-128, 128), generator.randrange(-(1 << 31), 1 << 31)))
        for _ in range(count)
    ]
    addresses = _addresses(generator, count)
    place = [[[b[w], i[w], s, d] for b, i, s, d in addresses] for w in (0, 1)]
    sse, avx, evex = registers("xmm", 16, 2), registers("ymm", 16, 3), registers("zmm", 32, 3)
    masks = [_pair("k", generator.randrange(1, 8)) for _ in range(count)]
    floats = ["ADDPS", "MULPD", "SUBSD", "MAXSS", "PADDD", "PXOR"]
    float_codes = [f"{n}_XMM_XMMM{b}" for n, b in zip(floats, (128, 128, 64, 32, 128, 128), strict=True)]
    triple = ["VADDPS", "VMULPD", "VPADDD", "VPAND", "VFMADD213PS"]
    loads = [
        [[a[w], *p, *size] for (a, _), p in zip(general, place[w], strict=True)] for w, size in ((0, [8]), (1, []))
    ]
    constants = [[[a[w], n] for (a, _), n in zip(general, numbers, strict=True)] for w in (0, 1)]
    triple_codes = [f"VEX_{n}_YMM_YMM_YMMM256" for n in triple]
    wide_codes = [
        f"EVEX_{n}_ZMM_K1Z_ZMM_ZMMM512{b}" for n, b in (("VADDPS", "B32_ER"), ("VMULPD", "B64_ER"), ("VPADDD", "B32"))
    ]
    wide = ["VADDPS", "VMULPD", "VPADDD"]
    stores = (
        [[n, *p] for n, p in zip(numbers, place[0], strict=True)],
        [[n, *p] for n, p in zip(numbers, place[1], strict=True)],
    )
    masked = [
        [[row[0][w], mask[w], row[1][w], row[2][w]] for row, mask in zip(evex, masks, strict=True)] for w in (0, 1)
    ]
    broadcast = [[[row[0][w], row[1][w], *p] for row, p in zip(evex, place[w], strict=True)] for w in (0, 1)]
    return {
        "r64, r64": (_ours_registers, ours(arithmetic, side(general, 0)),
                     _theirs_registers, theirs([f"{n}_RM64_R64" for n in arithmetic], side(general, 1))),
        "r32, r32": (_ours_registers, ours(arithmetic, side(narrow, 0)),
                     _theirs_registers, theirs([f"{n}_RM32_R32" for n in arithmetic], side(narrow, 1))),
        "r64, immediate": (_ours_registers, ours(arithmetic, constants[0]),
                           _theirs_immediate, theirs([f"{n}_RM64_IMM32" for n in arithmetic], constants[1])),
        "r64, memory": (_ours_load, ours(arithmetic, loads[0]),
                        _theirs_load, theirs([f"{n}_R64_RM64" for n in arithmetic], loads[1])),
        "memory, r64": (_ours_store, ours(arithmetic, loads[0]),
                        _theirs_store, theirs([f"{n}_RM64_R64" for n in arithmetic], loads[1])),
        "memory, immediate": (_ours_store, ours(arithmetic, ([*row, 4] for row in stores[0])),
                              _theirs_store_immediate, theirs([f"{n}_RM32_IMM32" for n in arithmetic], stores[1])),
        "xmm, xmm": (_ours_registers, ours(floats, side(sse, 0)), _theirs_registers, theirs(float_codes, side(sse, 1))),
        "ymm, ymm, ymm": (_ours_three, ours(triple, side(avx, 0)), _theirs_three, theirs(triple_codes, side(avx, 1))),
        "zmm, zmm, zmm": (_ours_three, ours(wide, side(evex, 0)), _theirs_three, theirs(wide_codes, side(evex, 1))),
        "zmm(k.z), zmm, zmm": (_ours_masked, ours(wide, masked[0]), _theirs_masked, theirs(wide_codes, masked[1])),
        "zmm, zmm, broadcast": (_ours_broadcast, ours(["VADDPS", "VPADDD"], broadcast[0]),
                                _theirs_broadcast, theirs([wide_codes[0], wide_codes[2]], broadcast[1])),
        SPELLED: (_ours_spelled, ours(arithmetic, loads[0]),
                  _theirs_load, theirs([f"{n}_R64_RM64" for n in arithmetic], loads[1])),
    }  # fmt: skip


def _seconds(loop: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Processor time of one call; assemblers, which are processes of their own, need the wall clock."""
    gc.collect()
    gc.disable()
    start = clock()
    result = loop()
    end = clock()
    del result
    gc.enable()
    return end - start


def _keep_memory_mapped() -> list[bytes]:
    """Small objects all over the heap. While they live the allocator returns nothing to the system, so no sample waits
    for pages that another would find there."""
    return [bytes(size) for _ in range(20_000) for size in range(0, 256, 16)][::37]


def rates(count: int, samples: int) -> tuple[Table, list[Timing]]:
    """Create + encode, instructions a second."""
    classes = _classes(count, random.Random(1))
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in classes}
    for sample in range(samples + 1):
        for name, (our_loop, our_rows, their_loop, their_rows) in classes.items():
            pair = _seconds(partial(our_loop, our_rows)), _seconds(partial(their_loop, their_rows))
            if sample:  # the first compiles our recipes
                times[name][0].append(pair[0])
                times[name][1].append(pair[1])
    rows: list[tuple[str, int, int, str]] = []
    total = [0.0, 0.0]
    for name, (ours, theirs) in times.items():
        mine, other = statistics.median(ours), statistics.median(theirs)
        if name != SPELLED:
            total[0] += mine
            total[1] += other
        rows.append((name, round(count / mine), round(count / other), f"1/{mine / other:.2f}"))
    mixed = count * (len(times) - 1)
    rows.append(("all, mixed", round(mixed / total[0]), round(mixed / total[1]), f"1/{total[0] / total[1]:.2f}"))
    columns = (Column("operands"), Column("ours/s"), Column("iced-x86/s"), Column("ratio"))
    timings = [
        Timing(f"encoder/{name}/{side}", tuple(second / count for second in seconds))
        for name, pair in times.items()
        for side, seconds in zip(("ours", "iced-x86"), pair, strict=True)
    ]
    return Table(f"create + encode, {count:,} distinct instructions each", columns, tuple(rows)), timings


def _lines(count: int, seed: int) -> list[str]:
    """Distinct AT&T lines of the kinds compilers print."""
    generator = random.Random(seed)
    general = [r.name for r in REGISTERS if r.kind == "r64"]
    narrow = [r.name for r in REGISTERS if r.kind == "r32"]
    indices = [name for name in general if name != "rsp"]
    pick: Callable[[Sequence[Any]], Any] = generator.choice

    def number() -> int:
        return generator.randrange(-(1 << 31), 1 << 31)

    kinds: tuple[Callable[[], str], ...] = (
        lambda: f"\tmovq\t{number()}(%{pick(general)},%{pick(indices)},{pick('1248')}), %{pick(general)}",
        lambda: f"\tmovl\t%{pick(narrow)}, {number()}(%{pick(general)})",
        lambda: f"\taddq\t${number()}, %{pick(general)}",
        lambda: f"\tcmpl\t${number()}, {generator.randrange(256)}(%{pick(general)})",
        lambda: f"\tleaq\t{number()}(%{pick(general)},%{pick(indices)}), %{pick(general)}",
        lambda: f"\tmovsd\t{number()}(%{pick(general)}), %xmm{generator.randrange(16)}",
        lambda: f"\tvmulpd\t{number()}(%{pick(general)}), %ymm{generator.randrange(16)}, %ymm{generator.randrange(16)}",
        lambda: f"\timulq\t${number()}, %{pick(general)}, %{pick(general)}",
        lambda: f"\tmovabsq\t${generator.getrandbits(60)}, %{pick(general)}",
    )
    lines: dict[str, None] = {}
    while len(lines) < count:
        lines[pick(kinds)()] = None
    return list(lines)


def _parse_all(lines: list[str]) -> list[object]:
    parse = x.parse_att
    return [parse(line).encode() for line in lines]


def text(count: int, samples: int) -> tuple[Table, list[Timing]]:
    """AT&T text to bytes, lines a second. The assemblers' rates include starting their process."""
    times: dict[str, list[float]] = {name: [] for name in ("ours", "ours, repeated", "GNU as", "LLVM")}
    _parse_all(_lines(1000, 0))
    for sample in range(samples):
        lines = _lines(count, sample + 1)
        att.forget_lines()
        times["ours"].append(_seconds(partial(_parse_all, lines)))
        few = lines[:10_000]
        _parse_all(few)
        repeated = [line for _ in range(max(1, count // len(few))) for line in few]
        times["ours, repeated"].append(_seconds(partial(_parse_all, repeated)) * count / len(repeated))
        if gnu_available():
            times["GNU as"].append(_seconds(partial(assemble, lines, "gnu"), time.perf_counter))
        times["LLVM"].append(_seconds(partial(assemble, lines, "llvm"), time.perf_counter))
    measured = {name: values for name, values in times.items() if values}
    rows = tuple((name, round(count / statistics.median(values))) for name, values in measured.items())
    table = Table(f"text to bytes, {count:,} distinct lines", (Column("assembler"), Column("lines/s")), rows)
    return table, [
        Timing(f"encoder/text/{name}", tuple(second / count for second in values)) for name, values in measured.items()
    ]


BATCH = 10_000
"""Instructions that one process makes and has assembled at a time: few enough that the last ones do not keep others waiting."""


def comparison(count: int, seed: int) -> tuple[Table, list[str]]:
    """Every form (unless there are fewer cases than that), then random instructions, until `count` different cases went to
    each assembler; and the differences that nothing explains. A process a core, each with a batch of its own; equal cases
    count once.
    """
    assemblers = ("gnu", "llvm") if gnu_available() else ("llvm",)
    seen: dict[str, set[int]] = {which: set() for which in assemblers}
    wrong: dict[str, list[str]] = {which: [] for which in assemblers}
    processes = os.cpu_count() or 1
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("fork")) as pool:  # equal hashes in all
        forms_first = -(-len(_every_form()) // BATCH) if count >= len(_every_form()) else 0
        batches = itertools.count(-forms_first)
        running = {pool.submit(_batch, seed, next(batches), assemblers) for _ in range(processes)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for which, lines, others in (found for batch in done for found in batch.result()):
                seen[which] |= lines
                wrong[which] += others
            if min(map(len, seen.values())) < count:
                running |= {pool.submit(_batch, seed, next(batches), assemblers) for _ in done}
    rows = tuple((which, len(seen[which]), len(wrong[which])) for which in assemblers)
    columns = (Column("assembler"), Column("different cases compared"), Column("differences unexplained"))
    return Table(f"bytes (seed {seed})", columns, rows), [text for which in assemblers for text in wrong[which]]


@cache
def _every_form() -> list[x.Instruction]:
    """Made once, before there are child processes."""
    return list(all_instructions())


def _batch(seed: int, number: int, assemblers: tuple[str, ...]) -> list[tuple[str, set[int], list[str]]]:
    """For each assembler, the hashes of the lines that it was given and the differences; generating takes the longest, so
    both are given the same instructions."""
    if number < 0:
        instructions = _every_form()[(-1 - number) * BATCH :][:BATCH]
    else:
        instructions = list(random_instructions(random.Random(f"{seed} {number}"), BATCH))
    found = []
    for which in assemblers:
        lines: set[int] = set()
        _, wrong = compare(instructions, which, lines)
        found.append((which, lines, wrong))
    return found


SHOWN = 20  # extensions by name; the others together


def coverage() -> Table:
    """Forms of each ISA extension in the table, and how many of them the compared cases use."""
    total: Counter[str] = Counter()
    used: Counter[str] = Counter()
    seen = {form for instruction in _every_form() for form in instruction.forms}
    for name in mnemonics():
        for form in forms(name):
            feature = "+".join(form.features)
            total[feature] += 1
            used[feature] += form in seen
    features = sorted(total, key=lambda feature: -total[feature])
    shown, rest = features[:SHOWN], features[SHOWN:]
    rows = [(feature, total[feature], used[feature]) for feature in shown]
    if rest:
        rows.append((f"{len(rest)} more", sum(total[name] for name in rest), sum(used[name] for name in rest)))
    rows.append(("all", total.total(), used.total()))
    return Table("forms", (Column("extension"), Column("forms"), Column("with cases")), tuple(rows))


def import_time(samples: int) -> tuple[Table, Timing]:
    """Processor time of `import x86_64` from byte code, as an installed package has it, without the interpreter's own
    start."""
    code = "import time; s = time.process_time(); import x86_64; print(time.process_time() - s)"
    with tempfile.TemporaryDirectory() as folder:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = folder
        command = partial(subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True, check=True)
        _, *runs = [command(env=environment) for _ in range(samples + 1)]  # the first compiles
    seconds = tuple(float(run.stdout) for run in runs)
    table = Table("start", (Column("what"), Column("time", "ms")),
                  (("import x86_64", Spread.of(1000 * second for second in seconds)),))  # fmt: skip
    return table, Timing("encoder/import", seconds)


def _cases(options: Options) -> int:
    """How many are compared."""
    return 1_000_000 if options.long else 15_000 if options.quick else 200_000


def run(options: Options) -> Report:
    """Measure everything; an unexplained difference is a failure."""
    quick = options.quick
    ballast = _keep_memory_mapped()
    encoding, encoding_timings = rates(2_000 if quick else 20_000, 5 if quick else 9)
    lines, lines_timings = text(10_000 if quick else 60_000, 3 if quick else 5)
    start, start_timing = import_time(3 if quick else 9)
    del ballast
    compared, unexplained = comparison(_cases(options), options.seed)
    return Report(
        tables=(coverage(), encoding, lines, start, compared),
        timings=(*encoding_timings, *lines_timings, start_timing),
        differences=tuple(unexplained),
        versions={"iced-x86": version("iced-x86")},
    )
