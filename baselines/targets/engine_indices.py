"""Take the uprating indices out of the engine's parameter files; the engine isn't imported."""

import datetime
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any

from baselines.targets.registry import INDEX_FILE, REGISTRY_FILE, TARGETS_FOLDER, load_registry
from baselines.targets.transaction import write_together
from schemas.canonical import canonical_bytes, sha256_bytes, sha256_file
from schemas.errors import BaselineError
from schemas.records import read_record, validate

PACKAGE = "policyengine_us"
MONTHS = 12


def parameter_folder() -> Path | None:
    """Return the folder of the engine's parameters, None where it isn't installed."""
    spec = find_spec(PACKAGE)
    places = list(spec.submodule_search_locations or ()) if spec else []
    folders = [Path(place) / "parameters" for place in places]
    return next((folder for folder in folders if folder.is_dir()), None)


def engine_differences(folder: Path = TARGETS_FOLDER, parameters: Path | None = None) -> list[str]:
    """Return how the committed table differs from the installed engine's files, as sentences.

    Raises BaselineError where the engine isn't installed or an index can't be read from it.
    """
    record = read_record(folder / INDEX_FILE, "target_indices")
    source = _source(parameters)
    problems = []
    for name, index in record["indices"].items():
        found = extract(index, source)
        if found["values"] != index["values"]:
            problems.append(f"{name}: committed {index['values']}, engine {found['values']}")
        if found["file_sha256"] != index["file_sha256"]:
            problems.append(f"{name}: {index['file']} isn't the file that was frozen")
    return problems


def freeze_indices(folder: Path = TARGETS_FOLDER, parameters: Path | None = None) -> list[str]:
    """Renew the table's values from the installed engine, with its pin; return the index names.

    Which indices, years and reading rules: the table's own declarations.
    """
    record = read_record(folder / INDEX_FILE, "target_indices")
    source = _source(parameters)
    record["indices"] = {
        name: {**index, **extract(index, source)} for name, index in record["indices"].items()
    }
    validate(record, "target_indices")
    content = canonical_bytes(record)
    contents = {INDEX_FILE: content}
    if (folder / REGISTRY_FILE).is_file():
        registry = load_registry(folder)
        registry["files"][INDEX_FILE] = sha256_bytes(content)
        contents[REGISTRY_FILE] = canonical_bytes(registry)
    write_together(folder, contents)
    return sorted(record["indices"])


def extract(index: Mapping[str, Any], parameters: Path) -> dict[str, Any]:
    """Return `{values, file_sha256}` of one declared index.

    `year_value` reads the value that starts on 1 January of each year, nothing carried forward;
    `annual_mean` the mean of the twelve months, for a monthly series. BaselineError on a year
    that the engine doesn't have.
    """
    path = parameters / index["file"]
    if not path.is_file():
        raise _unreadable(f"the engine has no parameter file {index['file']}")
    series = _series(_read_yaml(path), index)
    read = _annual_mean if index["rule"] == "annual_mean" else _year_value
    values = {year: read(series, int(year), index["file"]) for year in index["values"]}
    return {"values": values, "file_sha256": sha256_file(path)}


def _source(parameters: Path | None) -> Path:
    source = parameters or parameter_folder()
    if source is None:
        raise _unreadable(f"{PACKAGE} isn't installed here")
    return source


def _read_yaml(path: Path) -> Any:
    import yaml  # type: ignore[import-untyped]  # reading YAML is needed by this module alone

    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _series(document: Any, index: Mapping[str, Any]) -> dict[datetime.date, float]:
    """Return the dated values under the index's keys; a value may be wrapped with metadata."""
    node = document
    for key in index["keys"]:
        node = node.get(key) if isinstance(node, dict) else None
    if isinstance(node, dict) and "values" in node:
        node = node["values"]
    if not isinstance(node, dict):
        raise _unreadable(f"{index['file']} has no series {'.'.join(index['keys'])}")
    return {
        date: float(value["value"] if isinstance(value, dict) else value)
        for date, value in node.items()
        if isinstance(date, datetime.date)
    }


def _year_value(series: Mapping[datetime.date, float], year: int, file: str) -> float:
    value = series.get(datetime.date(year, 1, 1))
    if value is None:
        raise _unreadable(f"{file} has no value for {year}")
    return value


def _annual_mean(series: Mapping[datetime.date, float], year: int, file: str) -> float:
    months = [value for date, value in series.items() if date.year == year]
    if len(months) != MONTHS:
        raise _unreadable(f"{file} has {len(months)} months of {year}, not {MONTHS}")
    return fmean(months)


def _unreadable(message: str) -> BaselineError:
    return BaselineError(
        message, reason="targets.index", remedy="install the engine version the table names"
    )
