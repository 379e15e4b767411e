"""Packages of the builder extra: imported where they are used, because they are slow to import."""

from __future__ import annotations

import importlib
import importlib.metadata
from types import ModuleType

from schemas.errors import BuildError


def library(name: str) -> ModuleType:
    """Return a module of the builder extra; raises BuildError saying how to install it."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise _missing(name.partition(".")[0]) from error


def package_version(package: str) -> str:
    """Return the installed version of a package; raises BuildError as `library`."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise _missing(package) from error


def _missing(package: str) -> BuildError:
    return BuildError(
        f"building needs the package {package}",
        reason=f"builder.no_{package}",
        remedy='install the builder extra: pip install "microdata-release-gate[builder]"',
    )
