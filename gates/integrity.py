"""Baseline integrity: the incumbent's own figures against the bands in its manifest.

Every comparison goes through this check (`JudgeInputs.incumbent_evidence` and `.loss` call it):
an incumbent that is itself broken would be beaten by anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Band name in the manifest -> block and key of the incumbent's evidence.
FIGURES: Mapping[str, tuple[str, str]] = {
    "household_weight_sum": ("weights", "household_sum"),
    "wages": ("baseline", "wages"),
    "ssi": ("baseline", "ssi"),
    "snap": ("baseline", "snap"),
}


@dataclass(frozen=True)
class Band:
    """One figure of the incumbent with the band that its manifest states, in `unit`."""

    name: str
    value: float
    low: float
    high: float
    unit: str

    @property
    def holds(self) -> bool:
        """Decide whether the figure lies in its band, ends included."""
        return self.low <= self.value <= self.high

    def __str__(self) -> str:
        """Return figure and band in words."""
        where = "in" if self.holds else "outside"
        return (
            f"{self.name} {self.value:,.0f} {where} {self.low:,.0f} to {self.high:,.0f} {self.unit}"
        )


@dataclass(frozen=True)
class Bands:
    """The figures held against their bands, and why others could not be."""

    checked: tuple[Band, ...]
    unchecked: tuple[str, ...]

    @property
    def broken(self) -> tuple[Band, ...]:
        """Return the figures outside their band."""
        return tuple(band for band in self.checked if not band.holds)


def check_bands(manifest: Mapping[str, Any], evidence: Mapping[str, Any]) -> Bands:
    """Hold weight sum, wages, SSI and SNAP of an incumbent against its manifest's bands.

    A band or figure that is absent, and a band that belongs to no figure, is listed as unchecked.
    """
    stated = manifest.get("sanity_bands", {})
    checked: list[Band] = []
    unchecked = [
        f"{name}: no such figure is checked" for name in sorted(set(stated) - set(FIGURES))
    ]
    for name, (block, key) in FIGURES.items():
        value = evidence[block].get(key)
        if name not in stated:
            unchecked.append(f"{name}: the manifest states no band")
        elif value is None:
            unchecked.append(f"{name}: the incumbent's evidence holds no such figure")
        else:
            checked.append(Band(name, value, **stated[name]))
    return Bands(tuple(checked), tuple(unchecked))
