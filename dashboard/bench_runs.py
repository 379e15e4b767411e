"""Generated runs for benchmarks: many sealed folders made from one, with other numbers in each.

A generated run is what the index takes for a sealed and judged one: every record is valid, and all
seals hold. Its estimates, errors, gate values, candidate and times are its own, so that no two
runs share the bytes of a record that speaks of the candidate. Its figures do not add up to its
losses, and the hashes of what was judged are those of the template: `mpgate bundle verify` says so.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dashboard.errors import DashboardError
from schemas.bundle import BUNDLE, SUMS, VERDICTS, digest_of, is_sealed, read_bundle, sums_of
from schemas.canonical import canonical_bytes, sha256_bytes
from schemas.records import read_record

_FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_MARK = re.compile(r'"@@([a-z]+)(\d+)@@"')
_SPARE = 1.05
_LOSS, _EVIDENCE = "records/loss.json", "records/evidence.json"
_RESULTS, _CHECK, _SEAL = "gate_results.json", "bundle_check.json", "seal.json"


@dataclass(frozen=True)
class _Text:
    """A record's text between the places that differ from run to run."""

    pieces: tuple[str, ...]
    marks: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> _Text:
        """Return the text of a record in which `@@kind3@@` marks the place of a number."""
        found = _MARK.split(canonical_bytes(record).decode())
        kinds = zip(found[1::3], map(int, found[2::3]), strict=True)
        return cls(tuple(found[::3]), tuple(kinds))

    def filled(self, value: Callable[[str, int], float]) -> str:
        """Return the text with a number at every mark."""
        parts = [self.pieces[0]]
        for (kind, place), piece in zip(self.marks, self.pieces[1:], strict=True):
            parts += (repr(value(kind, place)), piece)
        return "".join(parts)


@dataclass(frozen=True)
class _Template:
    """A sealed and judged run taken apart: texts that change, files that do not."""

    run: Path
    bundle: Mapping[str, Any]
    seal: Mapping[str, Any]
    texts: Mapping[str, _Text]
    judged: Mapping[str, _Text]
    kept: Mapping[str, Path]
    kept_verdict: Mapping[str, bytes]
    targets: tuple[Mapping[str, Any], ...]
    gates: tuple[Mapping[str, Any], ...]
    candidate: bytes


def many_runs(template: Path, root: Path, runs: int, targets: int) -> Iterator[Path]:
    """Write that many run folders below `root`, each of that many targets, and yield each.

    `template` is a sealed and judged run folder. Raises DashboardError where it is not, and, after
    the first run, where the disk has no room for all of them.
    """
    found = _taken_apart(template, targets)
    for number in range(runs):
        run = _write(found, root / f"generated-{number:05}", number)
        if number == 0:
            _require_room(root, _size(run) * (runs - 1))
        yield run


def _require_room(root: Path, needed: float) -> None:
    free = shutil.disk_usage(root).free
    if free < needed * _SPARE:
        raise DashboardError(
            f"the generated runs take {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free",
            reason="bench.disk",
            remedy="make room, name a folder on another disk with --scratch, or ask for fewer runs",
        )


def _size(run: Path) -> int:
    return sum(file.stat().st_size for file in run.rglob("*") if file.is_file())


def _taken_apart(run: Path, count: int) -> _Template:
    verdict = _latest_verdict(run)
    bundle = read_bundle(run)
    sealed = {each["path"]: run / each["path"] for each in bundle["files"]}
    candidate = bundle["candidate"]
    texts = {
        path: _Text.of(json.loads(file.read_bytes()))
        for path, file in sealed.items()
        if path.endswith(".json") and candidate["sha256"] in file.read_text()
    }
    loss = _resized_loss(read_record(run / _LOSS, "loss_record"), count)
    texts[_LOSS] = _Text.of(_marked_loss(loss))
    evidence = read_record(run / _EVIDENCE, "evidence")
    texts[_EVIDENCE] = _Text.of(_marked_evidence(evidence, loss))
    results = read_record(verdict / _RESULTS, "gate_results")
    judged = {_RESULTS: _Text.of(_marked_results(results))}
    judged[_CHECK] = _Text.of(read_record(verdict / _CHECK, "bundle_check"))
    seal = read_record(verdict / _SEAL, "verdict_seal")
    return _Template(
        run,
        bundle,
        seal,
        texts,
        judged,
        {path: file for path, file in sealed.items() if path not in {*texts, candidate["path"]}},
        {path: (verdict / path).read_bytes() for path in seal["files"] if path not in judged},
        tuple(loss["targets"]),
        tuple(results["gates"]),
        (run / candidate["path"]).read_bytes(),
    )


def _latest_verdict(run: Path) -> Path:
    names = [each.name for each in (run / VERDICTS).glob("*")]
    numbers = [int(name) for name in names if name.isascii() and name.isdigit()]
    if not is_sealed(run) or not numbers:
        raise DashboardError(
            f"{run.name} is not sealed and judged",
            reason="bench.template",
            remedy="name a run folder that `mpgate bundle judge` has sealed a verdict of",
        )
    return run / VERDICTS / str(max(numbers))


def _resized_loss(loss: dict[str, Any], count: int) -> dict[str, Any]:
    """Return a loss record of that many targets: the first ones, or all of them several times."""
    known = loss["targets"]
    rows = [
        each if place < len(known) else {**each, "target_id": f"{each['target_id']}.copy_{place}"}
        for place, each in ((n, known[n % len(known)]) for n in range(count))
    ]
    loss["targets"] = rows
    ids = [each["target_id"] for each in rows]
    loss["kept"] = {**loss["kept"], "count": count, "target_ids": ids}
    for figures in loss["losses"].values():
        if len(figures["contributors"]) >= len(known):
            figures["contributors"] = [
                {"name": each["target_id"], "value": each["contribution"]} for each in rows
            ]
    return loss


def _marked_loss(loss: Mapping[str, Any]) -> dict[str, Any]:
    rows = [
        {**each, "candidate": f"@@estimate{n}@@", "candidate_error": f"@@error{n}@@"}
        for n, each in enumerate(loss["targets"])
    ]
    return {**loss, "targets": rows}


def _marked_evidence(evidence: Mapping[str, Any], loss: Mapping[str, Any]) -> dict[str, Any]:
    rows = [
        {"target_id": each["target_id"], "estimate": f"@@estimate{n}@@"}
        for n, each in enumerate(loss["targets"])
    ]
    return {**evidence, "targets": rows}


def _marked_results(results: Mapping[str, Any]) -> dict[str, Any]:
    """Mark the value and both margins of every gate that passes with room to spare."""
    gates = [
        {
            **gate,
            "value": f"@@value{n}@@",
            "stages": {
                stage: {**each, "margin": f"@@{stage}{n}@@"}
                for stage, each in gate["stages"].items()
            },
        }
        if _has_room(gate)
        else gate
        for n, gate in enumerate(results["gates"])
    ]
    return {**results, "gates": gates, "run": {**results["run"], "judged_at": "@@moment@@"}}


def _has_room(gate: Mapping[str, Any]) -> bool:
    return all(each["status"] == "pass" and each["margin"] > 0 for each in gate["stages"].values())


def _write(template: _Template, run: Path, number: int) -> Path:
    """Write one run, and seal it in the order of a real one: layer one, then the verdict."""
    run.mkdir(parents=True)
    own = template.candidate + f"\n{number}\n".encode()
    known = template.bundle["candidate"]["sha256"]
    value = _numbers(template, number)

    def filled(text: _Text) -> bytes:
        return text.filled(value).replace(known, sha256_bytes(own)).encode()

    new = {template.bundle["candidate"]["path"]: own}
    new |= {path: filled(text) for path, text in template.texts.items()}
    bundle = _sealed(template.bundle, run.name, new)
    for path, data in {**new, BUNDLE: canonical_bytes(bundle), SUMS: sums_of(bundle)}.items():
        _put(run / path, data)
    for path, file in template.kept.items():
        (run / path).parent.mkdir(parents=True, exist_ok=True)
        _share(file, run / path)
    moment = (_FIRST + timedelta(hours=number)).isoformat(timespec="seconds")
    judged = {path: filled(text) for path, text in template.judged.items()}
    judged |= template.kept_verdict
    judged[_RESULTS] = judged[_RESULTS].replace(b"@@moment@@", moment.encode())
    digest = template.bundle["digest"].encode()
    judged[_CHECK] = judged[_CHECK].replace(digest, bundle["digest"].encode())
    _write_verdict(run / VERDICTS / "1", template.seal, bundle, judged)
    return run


def _numbers(template: _Template, number: int) -> Callable[[str, int], float]:
    """Return the numbers of a run: estimates some way off their target, gates' values with room."""
    draw = random.Random(number)
    errors = [draw.gauss(0, 0.1) for _ in template.targets]
    shifts = [draw.uniform(0, 0.5) for _ in template.gates]

    def value(kind: str, place: int) -> float:
        if kind == "estimate":
            return float(template.targets[place]["target"]) * (1 + errors[place])
        if kind == "error":
            return abs(errors[place])
        gate = template.gates[place]
        least = min(each["margin"] for each in gate["stages"].values())
        better = shifts[place] * float(least)
        if kind == "value":
            return float(gate["value"]) - better
        return float(gate["stages"][kind]["margin"]) + better

    return value


def _sealed(bundle: Mapping[str, Any], name: str, new: Mapping[str, bytes]) -> dict[str, Any]:
    files = [
        {**each, "sha256": sha256_bytes(new[each["path"]]), "size_bytes": len(new[each["path"]])}
        if each["path"] in new
        else each
        for each in bundle["files"]
    ]
    path = bundle["candidate"]["path"]
    own = {"path": path, "sha256": sha256_bytes(new[path])}
    sealed = {**bundle, "run_id": name, "candidate": own, "files": files}
    return {**sealed, "digest": digest_of(sealed)}


def _write_verdict(
    folder: Path, seal: Mapping[str, Any], bundle: Mapping[str, Any], judged: Mapping[str, bytes]
) -> None:
    over = {"digest": bundle["digest"], "sha256": sha256_bytes(canonical_bytes(bundle))}
    own = {
        **seal,
        "number": 1,
        "previous": None,
        "bundle": over,
        "candidate_sha256": bundle["candidate"]["sha256"],
        "files": {path: sha256_bytes(data) for path, data in sorted(judged.items())},
    }
    for path, data in judged.items():
        _put(folder / path, data)
    _put(folder / _SEAL, canonical_bytes({**own, "digest": digest_of(own)}))


def _put(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


def _share(file: Path, place: Path) -> None:
    """Give a file a second name, which takes no room; across disks, copy it."""
    try:
        os.link(file, place)
    except OSError:
        shutil.copyfile(file, place)
