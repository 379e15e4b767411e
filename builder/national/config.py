"""The configuration of a national build, validated whole before anything is started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.calibration import CalibrationSettings, settings_of
from builder.donors.spec import DonorSpec, load_donor_spec
from builder.national.acs import ACS_SOURCE
from builder.national.spine import Oversampling
from schemas.canonical import sha256_json
from schemas.errors import BuildError
from schemas.records import read_record

RECORD = "national_build"
WEALTH_SOURCE = "forbes-400-2024"
DEFAULT_CONFIG = Path(__file__).parents[1] / "configs" / "embedded_national.json"
SPECS = Path(__file__).parents[1] / "donors" / "specs"


@dataclass(frozen=True)
class NationalConfig:
    """A validated record and what is made of its parts."""

    record: dict[str, Any]
    settings: CalibrationSettings
    oversampling: Oversampling
    forests: tuple[DonorSpec, ...]

    @property
    def sha256(self) -> str:
        """Return the identity of the configuration."""
        return sha256_json(self.record)


def load_config(path: Path | str = DEFAULT_CONFIG) -> NationalConfig:
    """Return the configuration at `path`.

    Raises RecordError for a record that breaks its schema, BuildError for parts that contradict
    each other or a donor spec that does not exist.
    """
    return config_of(read_record(path, RECORD))


def config_of(record: dict[str, Any]) -> NationalConfig:
    """Return the configuration of a validated record; raises BuildError as `load_config`."""
    settings = settings_of(record["calibration"])
    bands = record["spine"]["oversampling"]
    upper, factor = tuple(bands["upper"]), tuple(bands["factor"])
    if len(factor) != len(upper) + 1 or list(upper) != sorted(set(upper)):
        raise _wrong("oversampling needs rising bounds and one factor more than bounds")
    if settings.product != record["product"]:
        raise _wrong(f"it builds {record['product']} and calibrates {settings.product}")
    if record["fixed_spine"]["most_units"] >= record["spine"]["households"]:
        raise _wrong("the fixed spine leaves no household to sample")
    if record["fixed_spine"]["most_units"] and WEALTH_SOURCE not in record["sources"]:
        raise _wrong(f"the fixed spine needs {WEALTH_SOURCE} among its sources")
    if "acs" in record["spine"] and ACS_SOURCE not in record["sources"]:
        raise _wrong(f"spine.acs needs {ACS_SOURCE} among its sources")
    forests = tuple(_spec(name) for name in record["donors"]["forests"])
    return NationalConfig(record, settings, Oversampling(upper, factor), forests)


def _spec(name: str) -> DonorSpec:
    path = SPECS / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in SPECS.glob("*.json")))
        raise _wrong(f"no donor spec is called {name!r} (there are: {known})")
    return load_donor_spec(path)


def _wrong(what: str) -> BuildError:
    return BuildError(
        f"the build's configuration cannot be used: {what}",
        reason="national.config",
        remedy="mend the configuration, see builder/configs/embedded_national.json",
    )
