"""A small national build: part of the embedded source, a short fit, and a stand-in engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from builder.embedded.build import embedded_source
from builder.embedded.hashing import draw
from builder.embedded.provider import HOUSEHOLD_KEY, Source
from builder.national import steps
from builder.national.build import Built, build_national
from builder.national.config import DEFAULT_CONFIG, RECORD, NationalConfig, config_of
from schemas.dataset import GROUP_ENTITIES, membership_name, open_dataset
from schemas.engine_metadata import variable_table
from schemas.extensions import load_extension
from schemas.manifests import candidate_manifest_path
from schemas.records import read_record

SHARE = 0.05  # of the source's households: enough for both samples in the smallest state
SEED = 5
STAGES = (
    *("sources", "spine", "donors", "fixed_spine"),
    *("simulate", "calibrate", "relational", "export"),
)
FIXED, SAMPLED, INCUMBENTS = 20, 1200, 1100


@cache
def small_source() -> Source:
    """Return the source with one household in twenty, by a hash of their keys."""
    source = embedded_source()
    kept = draw(source.units[HOUSEHOLD_KEY].to_numpy(), SEED) < SHARE
    return replace(source, units=source.units[kept].reset_index(drop=True))


def small_record(**changes: Any) -> dict[str, Any]:
    """Return the record of the small build; changes replace whole parts of it."""
    record: dict[str, Any] = read_record(DEFAULT_CONFIG, RECORD)
    record["spine"] |= {"households": SAMPLED + FIXED, "smallest_state": 20}
    record["incumbent"] = {"households": INCUMBENTS, "seed": 7}
    record["fixed_spine"] = {"most_units": FIXED}
    record["calibration"] |= {"epochs": 40}
    return record | changes


def small_config(**changes: Any) -> NationalConfig:
    """Return the configuration of the small build."""
    return config_of(small_record(**changes))


class StandInArrays:
    """What the engine session returns: stored inputs, and made-up numbers for what is computed."""

    def __init__(self, path: Path, outputs: Sequence[str]) -> None:
        dataset, table = open_dataset(path), variable_table()
        names = {request: request.partition("@")[0] for request in outputs}
        self.entity = {request: table[name].entity for request, name in names.items()}
        self.sizes = {e: dataset.size_of(e) for e in ("person", *GROUP_ENTITIES)}
        self.person_to = {e: dataset.read(membership_name(e)) - 1 for e in GROUP_ENTITIES}
        self.meta: dict[str, Any] = {}
        self.arrays = {}
        for index, (request, name) in enumerate(sorted(names.items())):
            size = self.sizes[self.entity[request]]
            made_up = np.floor(draw(np.arange(size), index) * 60_000)
            if (kinds := table[name].enum) is not None:
                made_up = np.array(kinds)[made_up.astype(int) % len(kinds)]
            self.arrays[request] = dataset.read(name) if dataset.has(name) else made_up


class StandInEngine:
    """Counts the simulations and keeps what each was asked for."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(
        self,
        path: Path,
        outputs: Sequence[str],
        reform: Mapping[str, Any] | None = None,
        *,
        progress: Any = None,
    ) -> StandInArrays:
        """Return the arrays of a file, as `benchmarks.engine.session.simulate`."""
        self.calls.append(list(outputs))
        return StandInArrays(path, outputs)


class Made(NamedTuple):
    """A finished build and the engine that it used."""

    built: Built
    engine: StandInEngine

    @property
    def manifest(self) -> dict[str, Any]:
        """Return the manifest of the candidate."""
        return read_record(candidate_manifest_path(self.built.candidate), "candidate_manifest")

    def stage(self, name: str) -> Path:
        """Return the checkpoint of a stage."""
        return self.built.records[STAGES.index(name)].folder

    def tables(self, extension: str) -> dict[str, pd.DataFrame]:
        """Return the tables of an extension, as its loader reads them."""
        return load_extension(candidate_manifest_path(self.built.candidate), extension)


@contextmanager
def small_cache(folder: Path) -> Iterator[None]:
    """Build with a cache below `folder` and a twentieth of the embedded source."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPGATE_CACHE", str(folder / "cache"))
        patch.setattr(steps, "embedded_source", small_source)
        yield


def small_build(folder: Path) -> Made:
    """Return the small build, made into `folder`/run."""
    engine = StandInEngine()
    with small_cache(folder):
        return Made(build_national(small_config(), folder / "run", simulator=engine), engine)
