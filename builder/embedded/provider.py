"""Read the CPS file of the installed `taxcalc`, refusing any bytes but the declared ones."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import pandas as pd

from schemas.canonical import sha256_file
from schemas.errors import BuildError
from schemas.records import read_record

SOURCE_FILE = Path(__file__).parent / "source.json"
HOUSEHOLD_KEY = "household_key"
WEIGHT = "unit_weight"
_WEIGHT_SCALE = 0.01  # taxcalc Records.cps_constructor: weights_scale=0.01
_KEY_STEP = 1_000_000  # h_seq has at most five digits
_ADULT = 18


@dataclass(frozen=True)
class Source:
    """Tax units (one row each, with household key and 2024 weight) and growth since 2014."""

    units: pd.DataFrame
    growth: dict[str, float]
    sha256: dict[str, str]
    size_bytes: dict[str, int]


def read_source(period: int, base_period: int) -> Source:
    """Return the units of households that have an adult, and cumulated growth factors.

    An SPM unit needs an adult: households of minors only (19 of 200,576) are left out. Raises
    BuildError where taxcalc is absent or holds other bytes than `source.json` declares.
    """
    record = read_record(SOURCE_FILE, "source_semantics")
    frames, sizes = {}, {}
    for source in record["sources"]:
        name = source["title"].removeprefix("taxcalc/")
        frames[name] = _verified_frame(name, source["sha256"])
        sizes[name] = int(source["size_bytes"])
    weights = frames["cps_weights.csv.gz"][f"WT{period}"]
    units = _with_keys(frames["cps.csv.gz"], weights)
    factors = frames["growfactors.csv"].set_index("YEAR")
    years = list(range(base_period + 1, period + 1))
    cumulated = factors.loc[years].prod().to_dict()
    growth = {str(name): float(factor) for name, factor in cumulated.items()}
    hashes = {s["title"].removeprefix("taxcalc/"): s["sha256"] for s in record["sources"]}
    return Source(_with_adults(units), growth, hashes, sizes)


def _verified_frame(name: str, sha256: str) -> pd.DataFrame:
    try:
        resource = files("taxcalc") / name
    except ModuleNotFoundError as error:
        raise BuildError(
            "the embedded source needs the package taxcalc",
            reason="builder.no_taxcalc",
            remedy='install the builder extra: pip install "microdata-release-gate[builder]"',
        ) from error
    with as_file(resource) as path:
        found = sha256_file(path) if path.is_file() else "absent"
        if found != sha256:
            raise BuildError(
                f"{name} in the installed taxcalc is not the declared file (sha256 {found[:12]})",
                reason="builder.source_changed",
                remedy="install taxcalc==6.8.0, or declare the new file in builder/embedded",
            )
        return pd.read_csv(path)


def _with_keys(units: pd.DataFrame, weights: pd.Series) -> pd.DataFrame:
    keyed = units.copy()
    keyed[HOUSEHOLD_KEY] = units["FLPDYR"].astype(np.int64) * _KEY_STEP + units["h_seq"]
    keyed[WEIGHT] = weights.to_numpy(dtype=np.float64) * _WEIGHT_SCALE
    return keyed.sort_values([HOUSEHOLD_KEY, "RECID"], kind="stable").reset_index(drop=True)


def _with_adults(units: pd.DataFrame) -> pd.DataFrame:
    oldest = units[["age_head", "age_spouse"]].max(axis=1)
    adult = (oldest >= _ADULT) | (units["n1820"] > 0) | (units["n21"] > 0)
    keep = adult.groupby(units[HOUSEHOLD_KEY]).transform("any")
    return units[keep].reset_index(drop=True)
