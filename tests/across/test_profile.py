"""Profiles are read, merged and cut as their format says."""

from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from stencilgen.cli import stencilgen as command_line
from stencilgen.errors import UserError
from stencilgen.units.profile import Trace, known, read_profiles, write_profile
from tests.across.harness import StackVM


def test_equal_traces_are_added_up(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("# comment\n2 A B ^C\n1 A\n")
    two.write_text("5 A B ^C\n1 A B C\n")
    traces = read_profiles([one, two])
    assert traces == {Trace(("A", "B", "C"), (2,)): 7, Trace(("A",)): 1, Trace(("A", "B", "C")): 1}
    three = tmp_path / "three"
    three.write_text(write_profile(traces))
    assert read_profiles([three]) == traces


@pytest.mark.parametrize("line", ["A B", "x A", "1", "1 A  B", "1 A-B", "-1 A", "1 A:", "1 A:1,"])
def test_what_is_not_a_profile_is_named_with_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "profile"
    path.write_text(f"1 A B\n{line}\n")
    with pytest.raises(UserError) as error:
        read_profiles([path])
    (diagnostic,) = error.value.diagnostics
    assert (diagnostic.file, diagnostic.line) == (path, 2)


def test_traces_that_use_other_places_are_equal(tmp_path: Path) -> None:
    path = tmp_path / "profile"
    path.write_text("2 GET:7,1 ADD:-3,7 ^END\n1 GET:0,4 ADD:9,0 ^END\n1 GET:0,4 ADD:9,4 ^END\n")
    equal, other = Trace(("GET:0,1", "ADD:2,0", "END"), (2,)), Trace(("GET:0,1", "ADD:2,1", "END"), (2,))
    assert read_profiles([path]) == {equal: 3, other: 1}


def test_operands_that_a_micro_op_no_longer_has_are_left_out() -> None:
    traces = Counter({Trace(("GET:0,1", "ADD:2,0", "END")): 1})
    counts = {"GET": 2, "ADD": 1, "END": 0}
    assert known(traces, counts) == {Trace(("GET:0,1", "ADD", "END")): 1}


def test_unknown_micro_ops_cut_a_trace() -> None:
    traces = Counter({Trace(("X", "A", "B", "X", "X", "C", "A", "X"), (1, 6)): 3})
    assert known(traces, dict.fromkeys("ABC", 0)) == {Trace(("A", "B"), (0,)): 3, Trace(("C", "A"), (1,)): 3}


def test_the_command_merges(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("2 A B\n")
    (tmp_path / "two").write_text("3 A B\n")
    output = tmp_path / "merged"
    arguments = ["profile", str(tmp_path / "one"), str(tmp_path / "two"), "-o", str(output)]
    result = CliRunner().invoke(command_line, arguments)
    assert result.exit_code == 0, result.output
    assert output.read_text() == "5 A B\n"


def test_the_runtime_writes_what_it_compiles(vm: StackVM, tmp_path: Path) -> None:
    path = tmp_path / "profile"
    trace = [vm.instruction("PUSH"), vm.instruction("ADD"), vm.instruction("JUMP_BACK", target=1)]
    assert vm.profile(trace, path) is None
    assert vm.profile(trace[:1], path) is None
    assert path.read_text() == "1 PUSH ^ADD JUMP_BACK\n1 PUSH\n"
    assert "no/such" in (vm.profile(trace, tmp_path / "no/such/folder") or "")
