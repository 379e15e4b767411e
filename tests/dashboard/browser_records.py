"""What is shown, held against the records on disk: read here on its own, not by the dashboard."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dashboard.units import read_back
from dashboard.views.state_map import place_name

_LAYER_ONE = {
    "bundle": "bundle.json",
    "sources": "sources.json",
    "stages": "stages.json",
    "environment": "environment.json",
    "calibration": "calibration/report.json",
}
_LAYER_TWO = ("gate_results", "bundle_check", "policy", "seal")
_ENDS_ELEMENT = re.compile(r"</(style|script|title|textarea|noscript|iframe)", re.IGNORECASE)
_FLAGS = {True: ("true", "yes", "within"), False: ("false", "no", "outside")}
_DIGITS = re.compile(r"\d[\d,]*(?:\.(\d+))?(?:e([+-]?\d+))?")


@dataclass
class Records:
    """The records of indexed runs, by the run's key; each file is read once."""

    folders: Mapping[str, Path]
    _known: dict[tuple[str, str], Any] = field(default_factory=dict)

    def at(self, source: str) -> Any:
        """Return what stands at a source `run|record|/pointer`; raises KeyError where nothing."""
        run, record, pointer = source.split("|", 2)
        if (run, record) not in self._known:
            self._known[run, record] = json.loads(self._file(run, record).read_text())
        found = self._known[run, record]
        for part in pointer.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            found = found[int(key)] if isinstance(found, list) else found[key]
        return found

    def _file(self, run: str, record: str) -> Path:
        folder = self.folders[run]
        if not (folder / "bundle.json").is_file():
            return _unsealed(folder, record)
        if record in _LAYER_TWO:
            latest = max((folder / "verdict").glob("[0-9]*"), key=lambda each: int(each.name))
            return latest / f"{record}.json"
        return folder / _LAYER_ONE.get(record, f"records/{record}.json")

    def problems(self, shown: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return each shown value that is not what its record says, in words."""
        return [problem for each in shown if (problem := self._problem(each))]

    def _problem(self, shown: Mapping[str, Any]) -> str:
        source, raw, text = shown["source"], shown["raw"], shown["text"]
        try:
            value = self.at(source)
        except (KeyError, IndexError, ValueError, OSError) as error:
            return f"{source}: nothing is there ({error!r})"
        if not (_same(raw, value) if raw is not None else _is_dropped(value)):
            return f"{source}: data-raw {raw!r}, the record holds {value!r}"
        if not _says(text, value) and not _is_place(source, text, value):
            return f"{source}: shown as {text!r}, the record holds {value!r}"
        return ""


def _unsealed(folder: Path, record: str) -> Path:
    results = folder / "results" if (folder / "results").is_dir() else folder
    if record == "gate_results":
        return results / "gate_results.json"
    if record in ("sources", "stages", "environment", "calibration"):
        return folder / _LAYER_ONE[record]
    return results / "records" / f"{'bundle' if record == 'bundle_check' else record}.json"


def _is_dropped(value: Any) -> bool:
    """Decide whether Streamlit leaves out an attribute: its value could end an element."""
    return isinstance(value, str) and _ENDS_ELEMENT.search(value) is not None


def _is_place(source: str, text: str, value: Any) -> bool:
    """Decide whether a text is the name of the place that a record gives by its code."""
    return source.endswith("/geography_id") and text == place_name(value)


def _same(raw: str, value: Any) -> bool:
    if _is_number(value):
        try:
            return float(raw) == float(value)
        except ValueError:
            return False
    return raw == str(value)


def _says(text: str, value: Any) -> bool:
    """Decide whether a text shows a value: a number within its last digit, else the words."""
    if isinstance(value, bool):
        return text.casefold() in _FLAGS[value]
    if not _is_number(value):
        plain = _words(str(value))
        return _words(text) == plain or (len(text) >= 8 and plain.startswith(_words(text)))
    return any(
        read is not None
        and math.isclose(read, value, rel_tol=1e-9, abs_tol=_half_digit(text, unit))
        for unit in ("", "gigabytes")
        for read in [read_back(text, unit)]
    )


def _words(text: str) -> str:
    return " ".join(text.replace("_", " ").casefold().rstrip("….").split())


def _half_digit(text: str, unit: str) -> float:
    """Return half of what the last digit that is shown stands for, in the value's own unit."""
    found = _DIGITS.search(text)
    one = read_back(_DIGITS.sub("1", text, count=1), unit)
    if found is None or one is None:
        return 0.0
    power = int(found.group(2) or 0) - len(found.group(1) or "")
    return 0.5 * abs(one) * 10.0**power * (1 + 1e-9)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
