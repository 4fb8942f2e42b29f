"""The shared library of one VM: generated header, runtime and the VM's own sources, compiled once and loaded.

A library is kept under the fingerprint of all that it was made from. Which files these are is known only to the compiler,
so a manifest, kept under the fingerprint of the generated texts, lists all that it read, headers too, with their hashes:
a change to any of them makes a new library, and nothing else does.
"""

import contextlib
import ctypes
import hashlib
import json
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stencilgen import paths
from stencilgen.config import Config
from stencilgen.errors import UserError
from stencilgen.output import write_files
from stencilgen.toolchain.cc import Compiler, find_compiler, link

__all__ = ["Extent", "Info", "Number", "Outcome", "SgError", "load_library", "shared_library", "symbol_at"]

KEPT = 16
"""Libraries kept beside the newest: as many variants as someone may switch between."""


class SgError(ctypes.Structure):
    """sg_error"""

    _fields_ = [("text", ctypes.c_char * 512)]


class Number(ctypes.Structure):
    """sg_number of the embedding source"""

    _fields_ = [("bits", ctypes.c_uint64), ("real", ctypes.c_double), ("is_real", ctypes.c_int)]


class Outcome(ctypes.Structure):
    """sg_outcome"""

    _fields_ = [
        ("kind", ctypes.c_int),
        ("index", ctypes.c_uint32),
        ("value", ctypes.c_uint64),
        ("code", ctypes.c_void_p),
    ]


class Info(ctypes.Structure):
    """sg_info"""

    _fields_ = [
        ("hot", ctypes.c_void_p),
        ("cold", ctypes.c_void_p),
        ("hot_size", ctypes.c_uint32),
        ("cold_size", ctypes.c_uint32),
        ("frame", ctypes.c_uint32),
        ("length", ctypes.c_uint32),
        ("exit_count", ctypes.c_uint32),
    ]


class Extent(ctypes.Structure):
    """sg_extent"""

    _fields_ = [
        ("hot", ctypes.c_void_p),
        ("cold", ctypes.c_void_p),
        ("hot_size", ctypes.c_uint32),
        ("cold_size", ctypes.c_uint32),
    ]


class ExitInfo(ctypes.Structure):
    """sg_exit_info"""

    _fields_ = [("index", ctypes.c_uint32), ("relative", ctypes.c_void_p), ("target", ctypes.c_void_p)]


_POINTER, _ERROR = ctypes.c_void_p, ctypes.POINTER(SgError)
_FUNCTIONS: dict[str, tuple[Any, Sequence[Any]]] = {
    "sg_embed_new": (_POINTER, [_ERROR]),
    "sg_jit_destroy": (None, [_POINTER]),
    "sg_compile_trace": (_POINTER, [_POINTER, _POINTER, ctypes.c_size_t, _ERROR]),
    "sg_jit_part": (_POINTER, [_POINTER, ctypes.c_uint32]),
    "sg_free": (None, [_POINTER]),
    "sg_enter_code": (Outcome, [_POINTER, _POINTER, _POINTER]),
    "sg_link": (ctypes.c_bool, [_POINTER, ctypes.c_uint32, _POINTER, _ERROR]),
    "sg_unlink": (ctypes.c_bool, [_POINTER, ctypes.c_uint32, _ERROR]),
    "sg_code_info": (Info, [_POINTER]),
    "sg_code_extent": (Extent, [_POINTER, ctypes.c_uint32]),
    "sg_code_exit": (ExitInfo, [_POINTER, ctypes.c_uint32]),
}


def load_library(path: Path, setters: Sequence[str]) -> ctypes.CDLL:
    """Load a VM's library and declare its functions. UserError when the system refuses it."""
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise UserError(
            f"cannot load the VM: {error}",
            remedy="add the library or source that defines it to [vm] in stencilgen.toml",
        ) from None
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    for name in setters:
        function = getattr(library, name)
        function.restype, function.argtypes = ctypes.c_bool, [_POINTER, ctypes.POINTER(Number)]
    return library


def shared_library(
    config: Config, header: str, source: str, directory: Path, progress: Callable[[str, int, int], None]
) -> Path:
    """The library's path; compiled only if none fits. UserError holds the compiler's words."""
    runtime = paths.runtime()
    sources = [*sorted((runtime / "src").glob("*.c")), *(config.directory / name for name in config.vm.sources)]
    for path in sources:
        if not path.is_file():
            raise UserError(f"there is no file '{path.name}'", remedy="correct vm.sources", file=config.path)
    flags = ["-O2", "-fPIC", "-shared", "-Wl,-Bsymbolic", "-I", str(config.directory), "-I", str(runtime / "include")]
    flags += [
        f for name in (*config.vm.include, *config.stencils.include) for f in ("-I", str(config.directory / name))
    ]
    key = _hash(header, source, *flags, *config.vm.flags, *map(str, sources), os.environ.get("CC", ""))
    manifest = directory / f"vm-{key[:20]}.json"
    if (known := _still_right(manifest)) is not None:
        return known
    progress("compile the VM", 0, 1)
    compiler = find_compiler()
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory, prefix=".vm-") as folder:
        work = Path(folder).resolve()
        (work / "jit_stencils.h").write_text(header)
        embedding = work / "embed.c"
        embedding.write_text(source)
        all_flags = [*flags, "-I", str(work), *config.vm.flags]
        # hashed before they are compiled: a file that changes meanwhile is found to differ next time
        read = _files_read(compiler, [embedding, *sources], all_flags, config.directory)
        hashes = {path: _hash_file(path) for path in read if not path.startswith(str(work))}
        # the system loads a library of the same name only once, whatever became of the file
        library = directory / f"vm-{_hash(key, *hashes.values())[:20]}.so"
        link(compiler, [embedding, *sources], library, all_flags, directory=config.directory)
    write_files(directory, {manifest.name: {"library": library.name, "read": hashes}})
    _forget_old(directory)
    progress("compile the VM", 1, 1)
    return library


def _hash(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _hash_file(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""


def _still_right(manifest: Path) -> Path | None:
    """The library that a manifest is about, if every file that the compiler read then has the same content now."""
    try:
        content = json.loads(manifest.read_text())
    except (OSError, ValueError):
        return None
    library = manifest.with_name(content["library"])
    unchanged = library.exists() and all(_hash_file(path) == digest for path, digest in content["read"].items())
    return library if unchanged else None


def _files_read(compiler: Compiler, sources: Sequence[Path], flags: Sequence[str], directory: Path) -> list[str]:
    """All sources and headers, absolute, from the compiler's own list of dependencies."""
    found: set[str] = {str(source) for source in sources}
    options = [flag for flag in flags if flag != "-shared" and not flag.startswith(("-l", "-L", "-Wl,"))]
    for source in sources:
        command = [*compiler.command, *compiler.flags, "-std=gnu11", *options, "-M", str(source)]
        result = subprocess.run(command, capture_output=True, text=True, cwd=directory, errors="replace")
        rule = re.sub(r"\\\n", " ", result.stdout)
        for name in shlex.split(rule.partition(": ")[2]):
            found.add(str((directory / name).resolve()))
    return sorted(found)


def _forget_old(directory: Path) -> None:
    """Remove all but the newest libraries; a manifest without its library is as good as none."""
    libraries = sorted(directory.glob("vm-*.so"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in libraries[KEPT:]:
        path.unlink(missing_ok=True)
    names = {path.name for path in libraries[:KEPT]}
    for manifest in directory.glob("vm-*.json"):
        with contextlib.suppress(OSError, ValueError):
            if json.loads(manifest.read_text())["library"] not in names:
                manifest.unlink(missing_ok=True)


class _DlInfo(ctypes.Structure):
    """Dl_info"""

    _fields_ = [
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    ]


def symbol_at(address: int) -> str:
    """The dynamic symbol at this address of the process, `name` or `name+0x12`; empty when there is none."""
    info = _DlInfo()
    dladdr = ctypes.CDLL(None).dladdr
    dladdr.argtypes = [ctypes.c_void_p, ctypes.POINTER(_DlInfo)]
    if address < 4096 or not dladdr(address, info) or not info.name:
        return ""
    offset = address - info.address
    return f"{info.name.decode(errors='replace')}{f'+{offset:#x}' if offset else ''}"
