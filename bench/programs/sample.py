"""One sample after the other of any contender on any job, outputs compared with the reference's each time."""

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bench.frame.measure import interleave
from bench.frame.progress import tell
from bench.frame.report import NotMeasured
from bench.programs.contenders import Contender, Run
from bench.programs.jobs import EMPTY, Job

__all__ = ["Sampler"]


@dataclass(slots=True)
class Sampler:
    """`contenders[0]` is the reference. `cannot`: who cannot run what, found out by trying, and not tried again."""

    contenders: list[Contender]
    folder: Path
    cannot: dict[tuple[str, str], NotMeasured] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    _expected: dict[Job, str] = field(default_factory=dict)

    def named(self, *names: str) -> list[Contender]:
        """Those of these names that this machine has."""
        return [one for one in self.contenders if one.name in names]

    def sample(self, contender: Contender, job: Job, turn: int = 0) -> Run | None:
        """Run it once; None if this contender cannot. A wrong output is noted."""
        if (contender.name, job.program) in self.cannot:
            return None
        found = contender.run(job, self.folder, turn)
        if isinstance(found, NotMeasured):
            self.cannot[contender.name, job.program] = found
            return None
        self.check(contender, job, found.output)
        return found

    def check(self, contender: Contender, job: Job, output: str) -> None:
        """Note an output that is not the reference's."""
        if job not in self._expected:
            reference = self.contenders[0].run(job, self.folder)
            assert isinstance(reference, Run), reference
            self._expected[job] = reference.output
        if output != self._expected[job]:
            self.differences.append(f"{job.program} (SIZE {job.size}) in {contender.name} prints {output[:300]!r}")

    def rounds(self, job: Job, among: list[Contender], count: int) -> dict[str, list[Run]]:
        """By name: the runs of `count` interleaved rounds, fewer of a contender that wants fewer, none of one that cannot.

        Where the processor time of a whole process is taken, that of a process with an empty program is taken off, measured
        in the same round.
        """
        tell(f"{job.program}, SIZE {job.size}, {job.repeats} times over")
        runs: dict[str, list[Run]] = {one.name: [] for one in among}

        def task(one: Contender) -> float:
            if len(runs[one.name]) < one.rounds and (run := self.sample(one, job, len(runs[one.name]))):
                runs[one.name].append(run if one.reports else self._without_start(one, run))
            return 0.0

        interleave({one.name: partial(task, one) for one in among}, count)
        return runs

    def _without_start(self, contender: Contender, run: Run) -> Run:
        start = self.sample(contender, EMPTY)
        assert start is not None
        return replace(run, seconds=max(run.seconds - start.seconds, 1e-6))
