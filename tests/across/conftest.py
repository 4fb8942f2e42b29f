"""The stack VM, compiled once a session."""

from pathlib import Path

import pytest

from stencilgen.config import load_config
from tests.across.harness import StackVM, compile_vm


@pytest.fixture(scope="session")
def vm(tmp_path_factory: pytest.TempPathFactory) -> StackVM:
    """With up to three entries in registers."""
    return compile_vm(load_config(Path(__file__).parent / "vm"), tmp_path_factory.mktemp("across"), debug=True)
