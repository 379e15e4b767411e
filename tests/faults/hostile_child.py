"""Read files as PyTables and pandas would, in a process of its own, and say whose code ran.

Run as `python -m tests.faults.hostile_child LIST`; LIST holds one file and its marker per line.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import tables


def keys(path: str) -> None:
    with pd.HDFStore(path, mode="r") as store:
        store.keys()


def everything(path: str) -> None:
    """Read every attribute and every array."""
    with tables.open_file(path) as h5:
        for node in h5.walk_nodes("/"):
            for name in node._v_attrs._f_list("all"):
                _try(lambda node=node, name=name: getattr(node._v_attrs, name))
            if isinstance(node, tables.Leaf):
                _try(node.read)


def _try(read: Callable[[], Any]) -> None:
    with suppress(Exception):
        read()


def runs(path: str, marker: Path) -> str:
    """Return how far reading has to go before the marker appears."""
    for stage, read in (("keys", keys), ("read", everything)):
        _try(lambda read=read: read(path))
        if marker.exists():
            return stage
    return "never"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    pairs = [line.split("\t") for line in Path(sys.argv[1]).read_text().splitlines()]
    print(json.dumps([runs(path, Path(marker)) for path, marker in pairs]))
