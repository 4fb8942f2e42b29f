"""DynASM itself, run in the LuaJIT that lupa brings along.

lupa's source distribution holds LuaJIT's sources, and with them the folder `dynasm/`. So the original is at hand wherever
lupa is installed: in a folder that the user names, or in a cache that is filled on request by the ordinary package
client. Nothing of it is part of this project. It serves as an oracle in tests and as the peer in benchmarks.
"""

import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

__all__ = ["DynasmError", "Result", "cache_folder", "fetch", "find", "run"]


class DynasmError(Exception):
    """DynASM is not there, or cannot be fetched; the message has a remedy."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a run of DynASM ended. code: its exit code. output: what it printed, or wrote to `-`. messages: its errors."""

    code: int
    output: str
    messages: str


def cache_folder() -> Path:
    """Where `fetch` keeps what it fetches."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "stencilgen" / "dynasm"


def find(folder: str | Path | None = None) -> Path:
    """DynASM's folder: `folder`, else $DYNASM, else the cache. Raises `DynasmError`."""
    named = folder or os.environ.get("DYNASM")
    if named:
        if not (Path(named) / "dynasm.lua").is_file():
            raise DynasmError(f"{named}: there is no dynasm.lua\n  → name LuaJIT's folder dynasm/")
        return Path(named)
    cached = sorted(cache_folder().glob("*/third-party/luajit*/dynasm/dynasm.lua"))
    if not cached:
        raise DynasmError(
            "DynASM is not here\n"
            "  → name LuaJIT's folder dynasm/ by --dynasm or in $DYNASM, or let it be fetched once: python -m dasc --fetch-dynasm"
        )
    return cached[-1].parent


def fetch() -> Path:
    """Download lupa's source distribution and unpack it into the cache; DynASM's folder. Raises `DynasmError`."""
    cache = cache_folder()
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "lupa", "lupa"]
        done = subprocess.run([*command, "--dest", directory], capture_output=True, text=True)
        archives = list(Path(directory).glob("lupa-*.tar.gz"))
        if done.returncode or not archives:
            last = (done.stderr.strip() or "nothing was downloaded").splitlines()[-1]
            raise DynasmError(f"lupa's sources cannot be fetched: {last}\n  → name LuaJIT's folder dynasm/ by --dynasm")
        cache.mkdir(parents=True, exist_ok=True)
        with tarfile.open(archives[0]) as archive:
            members = [
                member for member in archive if re.search(r"/third-party/luajit[^/]*/(dynasm|src)/", member.name)
            ]
            archive.extractall(cache, members=members, filter="data")
    return find()


def run(arguments: Sequence[str], folder: str | Path | None = None) -> Result:
    """Run dynasm.lua with these arguments, in a process of its own. Raises `DynasmError`."""
    place = find(folder)
    if find_spec("lupa") is None:
        raise DynasmError("lupa is not installed, which runs DynASM\n  → pip install lupa")
    child = Path(__file__).with_name("child.py")
    done = subprocess.run([sys.executable, str(child), str(place), *arguments], capture_output=True, text=True)
    return Result(done.returncode, done.stdout, done.stderr)
