"""The two embedded samples, built once per test session (seconds, no engine)."""

from __future__ import annotations

import pytest

from builder.embedded.build import Sample, build_sample


@pytest.fixture(scope="session")
def incumbent() -> Sample:
    return build_sample("incumbent")


@pytest.fixture(scope="session")
def candidate() -> Sample:
    return build_sample("candidate")
