"""Two embedded samples and a small build, made once per test session (seconds, no engine)."""

from __future__ import annotations

import pytest

from builder.embedded.build import Sample, build_sample
from tests.builder.national_sample import Made, small_build


@pytest.fixture(scope="session")
def incumbent() -> Sample:
    return build_sample()


@pytest.fixture(scope="session")
def candidate() -> Sample:
    """A sample of the same size, disjoint from the incumbent."""
    return build_sample(slot=1)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A small national build with a stand-in engine, in the folder `run` of a place of its own."""
    return small_build(tmp_path_factory.mktemp("national"))
