"""The same sources give the same bytes: wherever they lie, however many processes build them, however often."""

import shutil
from pathlib import Path

from stencilgen.config import load_config
from stencilgen.pipeline import build, write_build

DIFFERENTIAL = Path(__file__).parent.parent / "differential"
FILES = ("jit_stencils.h", "stencils.dasc", "listing.txt", "stats.json")


def outputs(checkout: Path, out: Path, jobs: int, *, cache: bool) -> dict[str, bytes]:
    if not checkout.exists():
        shutil.copytree(DIFFERENTIAL / "vm", checkout / "vm", ignore=shutil.ignore_patterns("build"))
        shutil.copytree(DIFFERENTIAL / "support", checkout / "support")
    result = build(load_config(checkout / "vm"), jobs=jobs, cache=cache, directory=checkout / "cache")
    write_build(result, out)
    return {name: (out / name).read_bytes() for name in FILES}


def test_the_output_depends_on_nothing_but_the_sources(tmp_path: Path) -> None:
    first = outputs(tmp_path / "here", tmp_path / "out1", jobs=1, cache=False)
    second = outputs(tmp_path / "another place" / "of a longer name", tmp_path / "out2", jobs=3, cache=True)
    again = outputs(tmp_path / "another place" / "of a longer name", tmp_path / "out3", jobs=2, cache=True)
    assert len(first["jit_stencils.h"]) > 200_000
    for name in FILES:
        assert first[name] == second[name], name
        assert first[name] == again[name], f"{name}, from the cache"
        assert str(tmp_path).encode() not in first[name], name
