"""Parameters of the installed engine, read from its YAML files without importing it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from baselines.targets.engine_indices import parameter_folder

_BRACKET = re.compile(r"(\w+)\[(\d+)\]")


def parameter_value(path: str, year: int) -> bool | float:
    """Return the value of a parameter on 1 January; KeyError where `path` names no parameter.

    Reads `gov.irs.credits.ctc.amount.base[0].amount` the way reforms name it.
    """
    series = _series(path)
    started = [date for date in series if date <= f"{year}-01-01"]
    if not started:
        raise KeyError(f"{path} has no value in {year}")
    value = series[max(started)]
    text = value["value"] if isinstance(value, dict) else value
    return text == "true" if text in ("true", "false") else float(text)


def listed_values(path: str, year: int) -> list[str]:
    """Return the value of a parameter that is a list of names, on 1 January."""
    series = _series(path)
    return list(series[max(date for date in series if date <= f"{year}-01-01")])


def _series(path: str) -> dict[str, Any]:
    node, keys = _file_of(path)
    for key in keys:
        if bracket := _BRACKET.fullmatch(key):
            node = node.get(bracket[1], node)
            node = node["brackets"][int(bracket[2])]
        else:
            node = node[key]
    series = node.get("values", node)
    dated = {each: value for each, value in series.items() if re.match(r"\d{4}-\d\d-\d\d", each)}
    if not dated:
        raise KeyError(f"{path} holds no dated values")
    return dated


def _file_of(path: str) -> tuple[Any, list[str]]:
    """Return the document that holds a parameter, and the keys that lead to it inside."""
    folder, keys = parameter_folder(), path.split(".")
    assert folder is not None
    while keys and (folder / keys[0]).is_dir():
        folder = folder / keys.pop(0)
    if not keys:
        raise KeyError(f"{path} is a folder of parameters")
    bracket = _BRACKET.fullmatch(keys[0])
    file = folder / f"{bracket[1] if bracket else keys[0]}.yaml"
    if not file.is_file():
        raise KeyError(f"{path} has no file")
    return _document(file), keys if bracket else keys[1:]


@cache
def _document(file: Path) -> Any:
    # Plain strings: some parameters start in the year 0, which no date type holds.
    return yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
