"""minipy's programs on stencilgen's code and on copy-and-patch: the same VM, the same stencils, the same traces."""

import functools
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import baseline
from bench.baseline.minipy import MINIPY, minipy_vm
from bench.baseline.split import hot_bytes
from bench.frame.counting import counter, instructions
from bench.frame.measure import interleave, run_process
from bench.frame.report import Column, NotMeasured, Options, Report, Table, Timing
from bench.programs import minipy
from bench.programs.jobs import EMPTY, SHORT, Job, full_size, names
from bench.quality.hand_written import geometric_mean
from bench.quality.variants import BASELINE, OWN
from stencilgen.config import load_config
from stencilgen.errors import UserError

__all__ = ["run"]

ROUNDS, REPEATS = 15, 3
TARGETS = (0.75, 0.9, 0.95, 0.92)
"""Hot bytes, all bytes, instructions, time: what single stencils should reach beside copy-and-patch."""


@dataclass(frozen=True, slots=True)
class _Program:
    """Bytes and instructions of one program: stencilgen's, copy-and-patch's; seconds of each round."""

    hot: tuple[int, int]
    total: tuple[int, int]
    micro_ops: int
    instructions: tuple[int, int] | None
    times: tuple[list[float], list[float]]

    @property
    def ratios(self) -> tuple[float | None, ...]:
        executed = self.instructions
        return (
            self.hot[0] / self.hot[1],
            self.total[0] / self.total[1],
            executed[0] / executed[1] if executed else None,
            statistics.median(a / b for a, b in zip(*self.times, strict=True)),
        )


def run(options: Options) -> Report:
    """Measure every program."""
    vms = {OWN: minipy.executable(), BASELINE: minipy_vm()}
    table = hot_bytes(load_config(MINIPY), baseline.FLAVOURS[baseline.BEST])
    programs, differences = {}, []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for program in [name for name in names() if options.wants(name)][: 3 if options.quick else None]:
            programs[program] = _measure(vms, program, table, folder, options)
            differences += _differences(vms, program, folder)
    if not programs:
        return Report()
    missing = counter()
    timings = [
        Timing(f"quality/{program}/{variant}", tuple(one.times[index]))
        for program, one in programs.items()
        for index, variant in enumerate(vms)
    ]
    return Report(
        tables=(_table(programs),),
        timings=tuple(timings),
        differences=tuple(differences),
        not_measured=(missing,) if isinstance(missing, NotMeasured) else (),
    )


def _measure(vms: Mapping[str, Path], program: str, hot: Mapping[str, int], folder: Path, options: Options) -> _Program:
    job = Job(program, full_size(program))  # a short run is mostly start-up
    own, other = (minipy.traces(vm, job, folder) for vm in vms.values())
    shapes = [[[op["op"] for op in trace["ops"]] for trace in traces] for traces in (own, other)]
    if shapes[0] != shapes[1]:
        raise UserError(f"{program}: the traces are not the same in both VMs")
    times = interleave(
        {variant: functools.partial(_seconds, vm, job, folder) for variant, vm in vms.items()},
        3 if options.quick else ROUNDS,
        warmups=1,
    )
    return _Program(
        hot=(sum(t["hot_bytes"] for t in own), sum(hot[op] for trace in shapes[1] for op in trace)),
        total=(_bytes(own), _bytes(other)),
        micro_ops=sum(map(len, shapes[0])),
        instructions=_instructions(vms, program, folder, 1 if options.quick else REPEATS),
        times=(times[OWN], times[BASELINE]),
    )


def _bytes(traces: list[dict[str, int]]) -> int:
    return sum(trace["hot_bytes"] + trace["cold_bytes"] for trace in traces)


def _seconds(vm: Path, job: Job, folder: Path) -> float:
    ended = run_process([vm, "--jit=on", minipy.image(job, folder)])
    if ended.status:
        raise UserError(f"{vm} cannot run {job}:\n{ended.errors}")
    return ended.processor


def _instructions(vms: Mapping[str, Path], program: str, folder: Path, repeats: int) -> tuple[int, int] | None:
    """Of a short run, without what starting the process takes."""
    if isinstance(counter(), NotMeasured):
        return None
    job = Job(program, SHORT[program], repeats)

    def of(vm: Path) -> int:
        return (
            instructions([vm, "--jit=on", minipy.image(job, folder)])[0]
            - instructions([vm, "--jit=on", minipy.image(EMPTY, folder)])[0]
        )

    return of(vms[OWN]), of(vms[BASELINE])


def _differences(vms: Mapping[str, Path], program: str, folder: Path) -> list[str]:
    image = minipy.image(Job(program, SHORT[program]), folder)
    outputs = {name: run_process([vm, "--jit=on", image]).output for name, vm in vms.items()}
    return [] if outputs[OWN] == outputs[BASELINE] else [f"{program}: {BASELINE} prints something else"]


def _table(programs: Mapping[str, _Program]) -> Table:
    rows: list[tuple[str | float | int | None, ...]] = [
        (name, one.micro_ops, one.hot[0], one.total[0], *one.ratios) for name, one in programs.items()
    ]
    means: list[float | None] = []
    for column in range(4):
        values = [value for one in programs.values() if (value := one.ratios[column]) is not None]
        means.append(geometric_mean(values) if values else None)
    rows.append(("geometric mean", None, None, None, *means))
    rows.append(("target", None, None, None, *TARGETS))
    columns = (
        Column("program"),
        Column("micro-ops in traces"),
        Column("hot", "bytes", ",d"),
        Column("all", "bytes", ",d"),
        *(Column(title, format=".3f") for title in ("hot bytes", "all bytes", "instructions", "time")),
    )
    slower = [name for name, one in programs.items() if (one.ratios[3] or 0) > 1]
    notes = (
        "The last four columns are ratios to copy-and-patch; time is the median of interleaved rounds' ratios.",
        "Instructions are those of the whole VM on a short run, its interpreter and callees too.",
        f"Slower than copy-and-patch: {', '.join(slower) or 'none'}.",
    )
    return Table("minipy's programs, copy-and-patch = 1", columns, tuple(rows), notes)
