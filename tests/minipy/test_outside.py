"""What lies outside the subset is refused before anything runs: where it is, and what to write instead; status 2."""

import re
from pathlib import Path

import pytest

from tests.minipy.running import run_minipy_raw
from tests.minipy.snippets import Snippet, read


@pytest.mark.parametrize("snippet", read("outside"), ids=str)
def test_refused_with_line_and_remedy(snippet: Snippet, tmp_path: Path) -> None:
    """The snippet's line with the comment `# outside` is the one to be named."""
    file = tmp_path / snippet.file_name
    file.write_text('print("it runs")\n' + snippet.source)
    line = next(n for n, text in enumerate(file.read_text().splitlines(), 1) if text.endswith("# outside"))
    output, errors, status = run_minipy_raw(file)
    assert (output, status) == ("", 2), errors
    assert f"{file}:{line}:" in errors, errors
    assert "Traceback" not in errors
    message = errors.partition(f"{file}:{line}:")[2]
    assert len(re.findall(r"[a-z]{2,}", message)) >= 4, f"a cause and a remedy in words: {errors}"


def test_missing_file(tmp_path: Path) -> None:
    output, errors, status = run_minipy_raw(tmp_path / "missing.py")
    assert (output, status) == ("", 2)
    assert "missing.py" in errors and "Traceback" not in errors
