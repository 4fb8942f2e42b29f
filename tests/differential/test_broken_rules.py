"""A peephole rule that is not safe is found out: each is broken on purpose, in one condition of its safety."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stencilgen.config import load_config
from stencilgen.layout import liveness
from stencilgen.peephole import known_value, rule
from stencilgen.pipeline import Build, build
from tests.differential.harness import compile_vm, with_garbage
from tests.differential.test_mutations import VM, undetected

Break = Callable[[pytest.MonkeyPatch], None]


def results_are_dead(patch: pytest.MonkeyPatch) -> None:
    """Nothing but flags is needed later."""
    patch.setattr(rule.Site, "dead_after", lambda site, at, mask: not site.live_after[at] & mask & liveness.ALL_FLAGS)


def values_never_change(patch: pytest.MonkeyPatch) -> None:
    """A register holds its value, whatever happens to what it was made from."""
    patch.setattr(known_value, "_depends_on", lambda definition: liveness.usage_of(definition).changes)


def values_are_known_everywhere(patch: pytest.MonkeyPatch) -> None:
    """On one way to a place means on all."""
    patch.setattr(
        known_value,
        "_holds_at_start",
        lambda code, live, definition: dict.fromkeys((b.name for b in code.blocks), True),
    )


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return build(with_garbage(load_config(VM), tmp_path_factory.mktemp("sound")), cache=False)


@pytest.mark.parametrize("broken", [results_are_dead, values_never_change, values_are_known_everywhere])
def test_a_rule_without_one_of_its_conditions_is_detected(
    broken: Break, sound: Build, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = load_config(VM)
    broken(monkeypatch)
    result = build(with_garbage(config, tmp_path), cache=False, jobs=1)  # in this process
    monkeypatch.undo()
    right = {stencil.name: stencil.dasc for stencil in sound.stencils}
    changed = {stencil.name for stencil in result.stencils if stencil.dasc != right[stencil.name]} - {"GARBAGE"}
    missed = undetected(compile_vm(config, tmp_path, result=result), changed)
    print(f"\n{broken.__name__}: {len(changed)} stencils changed, not detected: {' '.join(sorted(missed)) or 'none'}")
    assert changed
    assert len(missed) <= len(changed) // 2
