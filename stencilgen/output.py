"""Writing results: each file as a whole or not at all, and only when it changed."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stencilgen.errors import UserError

__all__ = ["write_files"]


def write_files(directory: Path, files: Mapping[str, str | dict[str, Any] | list[Any]]) -> list[Path]:
    """Write texts, and JSON for anything else. Unchanged files keep their time, so that `make` has nothing to do.

    UserError when the directory cannot be written to. All files are written beside their places first, then moved.
    """
    partial: list[tuple[Path, Path]] = []
    try:
        directory.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, content in files.items():
            text = content if isinstance(content, str) else json.dumps(content, indent=2) + "\n"
            path = directory / name
            paths.append(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_file() and path.read_bytes() == text.encode():
                continue
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            partial.append((temporary, path))
            temporary.write_text(text, encoding="utf-8")
        for temporary, path in partial:
            temporary.replace(path)
        return paths
    except OSError as error:
        raise UserError(f"cannot write the results: {error.strerror}", file=error.filename or directory) from None
    finally:
        for temporary, _ in partial:
            temporary.unlink(missing_ok=True)
