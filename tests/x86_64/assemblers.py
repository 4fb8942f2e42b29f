"""The two assemblers that the encoder is compared with, GNU as and LLVM's, given thousands of lines in one run."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Result:
    code: bytes | None  # None: refused
    message: str = ""


def gnu_available() -> bool:
    return shutil.which("as") is not None


def _sections(elf: bytes) -> dict[str, bytes]:
    """Name to content of a 64-bit ELF file's sections."""
    (start,) = struct.unpack_from("<Q", elf, 0x28)
    entry, count, names = struct.unpack_from("<HHH", elf, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", elf, start + i * entry) for i in range(count)]
    strings = elf[headers[names][4] :]
    return {
        strings[name : strings.index(b"\0", name)].decode(): elf[offset : offset + size]
        for name, kind, _, _, offset, size in headers
        if kind == 1
    }


def _source(lines: list[str]) -> str:
    """Line n stands on text line n + 1; a label before each tells its length."""
    text = "".join(f".L{i}: {line}\n" for i, line in enumerate(lines))
    ends = "".join(f".long .L{i} - .L0\n" for i in range(len(lines) + 1))
    return f'{text}.L{len(lines)}:\n.section .ends,"a"\n{ends}'


def _gnu(source: str) -> tuple[bytes | None, str]:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.o"
        run = subprocess.run(
            ["as", "--64", "-o", output, "-"], input=source, capture_output=True, text=True, check=False
        )
        return (output.read_bytes() if run.returncode == 0 else None), run.stderr


def _llvm(sources: list[str]) -> list[tuple[bytes | None, str]]:
    worker = Path(__file__).with_name("llvm_worker.py")
    run = subprocess.run(
        [sys.executable, worker], input=json.dumps(sources), capture_output=True, text=True, check=True
    )
    return [(bytes.fromhex(code) if code else None, messages) for code, messages in json.loads(run.stdout)]


_ERROR = re.compile(r"(?:\{standard input\}:(\d+): Error: |error: <inline asm>:(\d+):\d+: )(.*)")
_CHUNK = {"gnu": 1 << 20, "llvm": 1000}  # lines in one text: LLVM stops at the first error


def assemble(lines: list[str], which: str) -> list[Result]:
    """The bytes of each line, or the message with which it was refused; `which` is "gnu" or "llvm"."""
    chunks = [lines[i : i + _CHUNK[which]] for i in range(0, len(lines), _CHUNK[which])]
    results: list[list[Result] | None] = [None] * len(chunks)
    refused: list[dict[int, str]] = [{} for _ in chunks]
    while None in results:
        todo = [i for i, result in enumerate(results) if result is None]
        texts = [_source(["" if n in refused[i] else line for n, line in enumerate(chunks[i])]) for i in todo]
        for i, (elf, messages) in zip(todo, [_gnu(t) for t in texts] if which == "gnu" else _llvm(texts), strict=True):
            if elf is not None:
                results[i] = _results(elf, len(chunks[i]), refused[i])
                continue
            found = {int(gnu or llvm) - 1: text for gnu, llvm, text in _ERROR.findall(messages)}
            if not found.keys() - refused[i].keys():
                raise AssertionError(f"{which}: no output and no new message: {messages[:2000]}")
            refused[i] |= found
    return [result for chunk in results for result in chunk or []]


def _results(elf: bytes, count: int, refused: dict[int, str]) -> list[Result]:
    sections = _sections(elf)
    ends = struct.unpack(f"<{count + 1}I", sections[".ends"])
    text = sections[".text"]
    return [Result(None, refused[i]) if i in refused else Result(text[ends[i] : ends[i + 1]]) for i in range(count)]
