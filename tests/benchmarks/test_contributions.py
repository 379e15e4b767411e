"""Contributions beside evidence: identity, storage, agreement with the estimates."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from benchmarks.contributions import Contributions, load_contributions, save_contributions
from benchmarks.scoring.kernel import estimates, replicate_estimates
from schemas.errors import MeasureError


def _contributions(seed: int = 1) -> Contributions:
    rng = np.random.default_rng(seed)
    dense = rng.lognormal(8, 1, (50, 6)) * (rng.random((50, 6)) < 0.3)
    return Contributions(csr_matrix(dense), tuple("abcdef"), rng.uniform(1, 9, 50))


def test_stored_and_read_again_it_is_the_same_content(tmp_path: Path) -> None:
    ours = _contributions()
    save_contributions(tmp_path / "c.npz", ours)
    again = load_contributions(tmp_path / "c.npz")
    assert (again.sha256(), again.columns) == (ours.sha256(), ours.columns)
    assert again.summary()["households"] == 50
    figures = estimates(again.matrix, again.weights)
    assert figures == pytest.approx(estimates(ours.matrix, ours.weights), rel=1e-6)


def test_identity_is_of_content_not_of_form() -> None:
    ours = _contributions()
    padded = csr_matrix(ours.matrix, copy=True)
    padded.data[0] = 0.0
    explicit_zero = Contributions(padded, ours.columns, ours.weights)
    without = Contributions(csr_matrix(padded.toarray()), ours.columns, ours.weights)
    assert explicit_zero.sha256() == without.sha256() != ours.sha256()
    renamed = Contributions(ours.matrix, tuple("abcdeg"), ours.weights)
    heavier = Contributions(ours.matrix, ours.columns, ours.weights * 2)
    assert len({ours.sha256(), renamed.sha256(), heavier.sha256()}) == 3


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04broken"])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c.npz").write_bytes(content)
    with pytest.raises(MeasureError) as caught:
        load_contributions(tmp_path / "c.npz")
    assert caught.value.reason == "contributions.unreadable"


def test_a_flipped_byte_never_ends_in_a_traceback(tmp_path: Path) -> None:
    ours = _contributions()
    save_contributions(tmp_path / "c.npz", ours)
    content, read = (tmp_path / "c.npz").read_bytes(), 0
    for at in range(0, len(content), 37):
        spoiled = bytearray(content)
        spoiled[at] ^= 0xFF
        (tmp_path / "c.npz").write_bytes(spoiled)
        with suppress(MeasureError):  # anything else would end a run with a traceback
            load_contributions(tmp_path / "c.npz")
            read += 1
    assert read < len(content) / 37 / 2


def test_indices_outside_the_matrix_are_refused(tmp_path: Path) -> None:
    ours = _contributions()
    arrays = ours.arrays() | {"columns": np.array(ours.columns[:2])}
    np.savez(tmp_path / "c.npz", **arrays)
    with pytest.raises(MeasureError):
        load_contributions(tmp_path / "c.npz")


def test_replicates_keep_the_household_total() -> None:
    ours = _contributions()
    ones = Contributions(csr_matrix(np.ones((50, 1))), ("households",), ours.weights)
    rng = np.random.default_rng(2)
    drawn = rng.multinomial(50, np.full(50, 1 / 50), size=20)
    totals = replicate_estimates(ones.matrix, ones.weights, drawn)
    assert totals[:, 0] == pytest.approx(np.full(20, ours.weights.sum()))
    once = replicate_estimates(ours.matrix, ours.weights, np.ones((1, 50)))
    assert once[0] == pytest.approx(estimates(ours.matrix, ours.weights))
