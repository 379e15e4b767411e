"""Versions of the installed engine, read without importing it.

What the engine knows of each variable is frozen in `schemas/engine` by `mpgate engine freeze`.
"""

from __future__ import annotations

import importlib.metadata

PACKAGES = {"policyengine_us": "policyengine-us", "policyengine_core": "policyengine-core"}


def installed_versions() -> dict[str, str]:
    """Return the installed versions of the engine and its core, without importing them."""
    return {key: importlib.metadata.version(name) for key, name in PACKAGES.items()}
