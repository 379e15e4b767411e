"""Calibration settings: a validated record, and the rules that a JSON Schema cannot state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from schemas.errors import BuildError
from schemas.records import read_record, validate

NATIONAL_PRODUCT = "mp-national"
ALL_TRAIN = "all_train"
RECORD = "calibration_config"
_CONFIGS = Path(__file__).parents[1] / "configs"
NATIONAL_CONFIG = _CONFIGS / "calibrate_national.json"
LOCAL_CONFIG = _CONFIGS / "calibrate_local.json"
_HEADER = {"schema": RECORD, "schema_version": 1}


@dataclass(frozen=True)
class Stopping:
    """When a fit ends: by the loss on validation groups, which the fit does not see.

    Every `check_every` epochs the validation loss is taken. After `patience` checks in a row that
    lower it by less than `minimum_improvement` (a difference of losses, which lie in 0 to 1) the
    fit ends and the best check counts. With `refit` the fit is then made again from the start,
    validation groups included, for as many epochs as the best check had. Without validation groups
    the fit takes all its epochs.
    """

    validation_groups: tuple[str, ...]
    check_every: int
    patience: int
    minimum_improvement: float
    refit: bool


@dataclass(frozen=True)
class CalibrationSettings:
    """What is fitted to and how; raises BuildError where the parts contradict each other.

    `target_groups` are holdout groups of the suite, or "all_train". `epochs` is the most Adam
    steps. `ratio_lower` and `ratio_upper` bound each weight over its initial one.
    `household_total_penalty` scales the squared relative change of the sum of weights;
    `spread_penalty` the mean squared log ratio, each household counted by its initial weight;
    `l0_lambda` the expected share of households kept (0: dense, no gates). L0 for a national
    product needs `experiment`, a text that says why.
    """

    product: str
    suite: str
    target_groups: tuple[str, ...] | str
    epochs: int
    learning_rate: float
    ratio_lower: float
    ratio_upper: float
    household_total_penalty: float
    spread_penalty: float
    l0_lambda: float
    experiment: str | None
    stopping: Stopping
    seed: int

    def __post_init__(self) -> None:
        """Refuse what the schema lets through, however the settings were made."""
        if not 0 < self.ratio_lower <= 1 <= self.ratio_upper:
            raise BuildError(
                f"weight ratio bounds {self.ratio_lower} to {self.ratio_upper} leave out 1",
                reason="calibration.bounds",
                remedy="use a positive lower bound up to 1 and an upper bound from 1",
            )
        if self.l0_lambda > 0 and self.product == NATIONAL_PRODUCT and not self.experiment:
            raise BuildError(
                f"l0_lambda {self.l0_lambda} for {self.product}: national weights are dense",
                reason="calibration.l0_national",
                remedy="set l0_lambda to 0, or state in `experiment` what the L0 run is to show",
            )
        if self.stopping.refit and not self.stopping.validation_groups:
            raise BuildError(
                "`refit` without validation groups: there is no best epoch to fit again for",
                reason="calibration.refit",
                remedy="name validation groups, or set refit to false",
            )

    @property
    def is_local(self) -> bool:
        """Decide whether households of weight 0 are left out of the file."""
        return self.product != NATIONAL_PRODUCT

    def record(self) -> dict[str, Any]:
        """Return the settings as a `calibration_config` record."""
        return {**_HEADER, **asdict(self)}


def load_settings(path: Path | str) -> CalibrationSettings:
    """Return the settings at `path`; raises RecordError, or BuildError for contradictions."""
    return _typed(read_record(path, RECORD))


def settings_of(record: Mapping[str, Any]) -> CalibrationSettings:
    """Return the settings of a record already in memory; raises as `load_settings`."""
    validate(record, RECORD)
    return _typed(record)


def _typed(record: Mapping[str, Any]) -> CalibrationSettings:
    given = {name: value for name, value in record.items() if name not in _HEADER}
    groups, stopping = given["target_groups"], dict(given["stopping"])
    given["target_groups"] = groups if isinstance(groups, str) else tuple(groups)
    stopping["validation_groups"] = tuple(stopping["validation_groups"])
    return CalibrationSettings(**{**given, "stopping": Stopping(**stopping)})
