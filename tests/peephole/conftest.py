"""The processor that tests run machine code on."""

from collections.abc import Iterator

import pytest

from .native import Processor


@pytest.fixture(scope="session")
def processor() -> Iterator[Processor]:
    with Processor() as running:
        yield running
