"""What a run was made with: versions of Python and of every package; no machine and no folder."""

from __future__ import annotations

import platform
from importlib.metadata import distributions
from typing import Any


def environment_record() -> dict[str, Any]:
    """Return the `environment` record of this process; a distribution without a name is left out.

    Of two installations of one distribution the first on the path is the one that is imported.
    """
    packages: dict[str, str] = {}
    for found in distributions():
        name, version = found.metadata["Name"], found.version
        if name and version:
            packages.setdefault(name.lower().replace("_", "-"), version)
    return {
        "schema": "environment",
        "schema_version": 1,
        "python": {
            "implementation": platform.python_implementation(),
            "version": platform.python_version(),
        },
        "platform": {"system": platform.system(), "machine": platform.machine()},
        "packages": packages,
    }
