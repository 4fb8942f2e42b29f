"""The register VM, compiled once a session."""

from pathlib import Path

import pytest

from stencilgen.config import load_config
from tests.facts.harness import HERE, FactsVM, compile_vm


@pytest.fixture(scope="session")
def vm(tmp_path_factory: pytest.TempPathFactory) -> FactsVM:
    return compile_vm(load_config(Path(HERE)), tmp_path_factory.mktemp("facts"))
