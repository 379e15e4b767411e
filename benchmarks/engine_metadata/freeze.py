"""Regenerate the frozen metadata of the installed engine in a child process, pin it, compare it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.engine_metadata.worker import METADATA, REFUSAL
from schemas.canonical import atomic_write, canonical_bytes, sha256_bytes, to_plain
from schemas.engine_metadata import (
    ENGINE_DIR,
    INDEX,
    forget_metadata,
    frozen_versions,
    metadata_path,
)
from schemas.errors import MeasureError
from schemas.records import validate

WORKER = "benchmarks.engine_metadata.worker"
TIMEOUT_S = 900.0
_PROJECT = Path(__file__).parents[2]
_TAIL_LINES = 6


def regenerate(timeout_s: float = TIMEOUT_S) -> dict[str, Any]:
    """Return the validated metadata of the installed engine, from one engine process.

    Raises MeasureError where the engine fails, its tables disagree or time runs out.
    """
    with tempfile.TemporaryDirectory(prefix="mpgate-engine-") as name:
        folder = Path(name)
        code, errors = _run(folder, timeout_s)
        if (folder / REFUSAL).is_file():
            raise MeasureError(**json.loads((folder / REFUSAL).read_text()))
        if code != 0:
            raise MeasureError(
                f"the engine failed while its metadata was taken (exit {code}): {errors}",
                reason="engine.failed",
                remedy="mend the installation as the engine's message says",
            )
        document: dict[str, Any] = json.loads((folder / METADATA).read_text())
    validate(document, "engine_metadata")
    return document


def _run(folder: Path, timeout_s: float) -> tuple[int, str]:
    """Run the worker; return its exit code and the end of what it printed."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", WORKER, str(folder)],
            cwd=_PROJECT,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MeasureError(
            f"taking the engine's metadata ran past {timeout_s:g} seconds",
            reason="engine.timeout",
            remedy="try again on a machine that is less busy",
        ) from error
    lines = done.stderr.strip().splitlines()[-_TAIL_LINES:]
    return done.returncode, " | ".join(line.strip() for line in lines) or "no message"


def freeze(document: Mapping[str, Any]) -> Path:
    """Write the metadata to its frozen place and pin it in the index; return the file."""
    validate(document, "engine_metadata")
    version = document["engine"]["policyengine_us"]
    content = render(document)
    index = _other_versions(version) | {version: sha256_bytes(content)}
    validate(index, "engine_index")
    atomic_write(metadata_path(version), content)
    atomic_write(ENGINE_DIR / INDEX, canonical_bytes(index))
    forget_metadata()
    return metadata_path(version)


def _other_versions(version: str) -> dict[str, str]:
    """Return the pins of other versions; none where there is no index yet."""
    pins = frozen_versions() if (ENGINE_DIR / INDEX).is_file() else {}
    return {key: sha for key, sha in pins.items() if key != version}


def render(document: Mapping[str, Any]) -> bytes:
    """Return the bytes of a metadata file: one variable a line, in sorted order."""
    plain = to_plain(document)
    variables = plain.pop("variables")
    lines = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(variables[name], sort_keys=True)}"
        for name in sorted(variables)
    )
    head = ",\n".join(
        f"{json.dumps(key)}: {json.dumps(plain[key], sort_keys=True)}" for key in sorted(plain)
    )
    return f'{{{head},\n"variables": {{\n{lines}\n}}}}\n'.encode()


def differences(frozen: Mapping[str, Any], live: Mapping[str, Any]) -> list[str]:
    """Return one line per thing in which the installed engine is not what was frozen."""
    lines: list[str] = []
    for key in sorted(frozen.keys() | live.keys()):
        lines += _differing(key, frozen.get(key), live.get(key))
    return lines


def _differing(name: str, frozen: Any, live: Any) -> Iterator[str]:
    """Compare two values of one key: objects by key, lists by member, others as they are."""
    if isinstance(frozen, Mapping) and isinstance(live, Mapping):
        for key in sorted(frozen.keys() | live.keys()):
            if frozen.get(key) != live.get(key):
                yield f"{name}.{key}: {_told(frozen.get(key))} frozen, {_told(live.get(key))} now"
    elif isinstance(frozen, list) and isinstance(live, list):
        yield from (f"{name}: {each} is gone" for each in sorted(set(frozen) - set(live)))
        yield from (f"{name}: {each} is new" for each in sorted(set(live) - set(frozen)))
    elif frozen != live:
        yield f"{name}: {_told(frozen)} frozen, {_told(live)} now"


def _told(value: Any) -> str:
    return "absent" if value is None else json.dumps(value, sort_keys=True)


def compare_with_installed() -> list[str]:
    """Return how the installed engine differs from its frozen metadata; empty if it does not.

    Raises RecordError where its version was never frozen or the frozen file was changed.
    """
    from benchmarks.engine.metadata import installed_versions
    from schemas.engine_metadata import variable_table

    version = installed_versions()["policyengine_us"]
    variable_table(version)
    return differences(json.loads(metadata_path(version).read_text()), regenerate())
