"""Run folders that several files of tests copy: made, sealed and judged once."""

from __future__ import annotations

from pathlib import Path

import pytest

from gates.release.layer_one import seal_layer_one
from tests.gates.bundles import MadeRun, judged_run, made_run


@pytest.fixture(scope="session")
def unsealed(tmp_path_factory: pytest.TempPathFactory) -> MadeRun:
    """A run folder with a complete bundle, not sealed; tests change copies of it only."""
    return made_run(tmp_path_factory.mktemp("unsealed") / "run")


@pytest.fixture(scope="session")
def sealed(unsealed: MadeRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run folder, sealed; tests change copies of it only."""
    run = unsealed.copy(tmp_path_factory.mktemp("sealed"))
    seal_layer_one(run)
    return run


@pytest.fixture(scope="session")
def judged(sealed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run folder with one sealed verdict; tests change copies of it only."""
    return judged_run(sealed, tmp_path_factory.mktemp("judged"))
