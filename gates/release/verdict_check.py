"""Whether sealed verdicts are as they were sealed, in one chain, and over this layer one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gates.inputs import RECORDS
from gates.judging import stage_verdict
from gates.policy import STAGES
from gates.release.contents import CANDIDATE, RECORDS_DIR
from gates.release.statement import statement_line, statement_of
from gates.results import RESULTS
from schemas.bundle import BUNDLE, VERDICTS, BundleError, compared, entries, read_known, read_sealed
from schemas.canonical import content_sha256, sha256_file, sha256_json
from schemas.errors import MpgateError

SEAL = "seal.json"
CHECK = "bundle_check.json"
POLICY = "policy.json"
STATEMENT = "statement.intoto.jsonl"
_CONFIGURATION = ("baseline", "suite")


@dataclass(frozen=True)
class Verdict:
    """One entry of the verdict folder: its name, its seal if that can be read, what is wrong."""

    name: str
    seal: Mapping[str, Any] | None
    problems: tuple[str, ...]


def check_verdicts(run: Path, bundle: Mapping[str, Any]) -> list[Verdict]:
    """Return every entry of a run's verdict folder, the oldest verdict first."""
    folder = run / VERDICTS
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        return [Verdict(VERDICTS, None, ("it is no folder",))]
    names = [each.name for each in folder.iterdir()] if folder.exists() else []
    numbers = sorted(int(name) for name in names if _is_number(folder / name))
    found: list[Verdict] = []
    previous: Mapping[str, Any] | None = None
    for place, number in enumerate(numbers, start=1):
        verdict = _check(run, bundle, number, previous)
        gap = () if number == place else (f"verdict {place} is missing before it",)
        found.append(Verdict(verdict.name, verdict.seal, (*gap, *verdict.problems)))
        previous = verdict.seal
    others = sorted(name for name in names if not _is_number(folder / name))
    return found + [Verdict(f"{VERDICTS}/{name}", None, ("unexpected",)) for name in others]


def require_verdicts(run: Path, bundle: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the seals of all verdicts; raises BundleError naming whatever is wrong with any."""
    checked = check_verdicts(run, bundle)
    wrong = [f"{each.name}: {problem}" for each in checked for problem in each.problems]
    if wrong:
        raise BundleError(
            f"a sealed verdict was changed: {'; '.join(wrong)}",
            reason="bundle.verdict",
            remedy="restore the verdict folder from a copy",
        )
    return [each.seal for each in checked if each.seal is not None]


def _is_number(path: Path) -> bool:
    plain = path.is_dir() and not path.is_symlink()
    return plain and path.name.isascii() and path.name.isdigit() and path.name[0] != "0"


def _check(
    run: Path, bundle: Mapping[str, Any], number: int, previous: Mapping[str, Any] | None
) -> Verdict:
    name = f"{VERDICTS}/{number}"
    folder = run / name
    try:
        seal = read_sealed(folder / SEAL, "verdict_seal")
    except BundleError as error:
        return Verdict(name, None, (error.message,))
    found = dict(entries(folder))
    del found[SEAL]
    changes = compared(found, seal["files"])
    problems = [str(changes)] if changes else []
    problems += _loose(run, bundle, number, seal, previous)
    if not changes:
        problems += contradictions(run, bundle, folder)
        problems += _mislabelled(seal, folder)
    return Verdict(name, seal, tuple(problems))


def _loose(
    run: Path,
    bundle: Mapping[str, Any],
    number: int,
    seal: Mapping[str, Any],
    previous: Mapping[str, Any] | None,
) -> Iterator[str]:
    """Yield where a seal is not tied to its place, to the verdict before it and to layer one."""
    if seal["number"] != number:
        yield f"it was sealed as verdict {seal['number']}"
    if seal["previous"] != (previous["digest"] if previous else None):
        yield "it does not follow the verdict before it"
    if seal["bundle"] != layer_one_of(run, bundle):
        yield f"it is over another layer one: {seal['bundle']['digest'][:12]}"
    if seal["candidate_sha256"] != bundle["candidate"]["sha256"]:
        yield "it is about another candidate"


def _mislabelled(seal: Mapping[str, Any], folder: Path) -> Iterator[str]:
    results = read_known(folder / RESULTS, "gate_results")
    stage = results["stage"]
    if (seal["stage"], seal["verdict"]) != (stage, results["verdicts"][stage]["verdict"]):
        yield "its seal states another verdict than its results"


def layer_one_of(run: Path, bundle: Mapping[str, Any]) -> dict[str, str]:
    """Return what a verdict's seal says of the layer that it is over."""
    return {"digest": bundle["digest"], "sha256": sha256_file(run / BUNDLE)}


def contradictions(run: Path, bundle: Mapping[str, Any], folder: Path) -> list[str]:
    """Return where the files of a verdict contradict each other or layer one, in words."""
    try:
        results = read_known(folder / RESULTS, "gate_results")
        check = read_known(folder / CHECK, "bundle_check")
        policy = read_known(folder / POLICY, "policy")
        found = [
            *_other_subject(bundle, results, check),
            *_other_records(run, results, check),
            *_not_its_gates(results, policy),
        ]
        stated = (folder / STATEMENT).read_bytes()
        if stated != statement_line(verdict_statement(run, bundle, results, folder)):
            found.append(f"{STATEMENT} does not say what {RESULTS} says")
    except (MpgateError, OSError, ValueError) as error:
        return [getattr(error, "message", str(error))]
    return found


def _other_subject(
    bundle: Mapping[str, Any], results: Mapping[str, Any], check: Mapping[str, Any]
) -> Iterator[str]:
    if results["status"] != "judged":
        yield "nothing was judged"
    if results["candidate"]["sha256"] != bundle["candidate"]["sha256"]:
        yield "another candidate was judged"
    if results["incumbent"]["id"] != (bundle["incumbent"] or {"id": "none"})["id"]:
        yield "it was judged against another incumbent"
    if check["digest"] != bundle["digest"]:
        yield "another bundle was checked"


def _other_records(
    run: Path, results: Mapping[str, Any], check: Mapping[str, Any]
) -> Iterator[str]:
    """Yield each record that was judged and is not the sealed one, or was sealed and not judged."""
    for name in RECORDS:
        file = run / RECORDS_DIR / f"{name}.json"
        sealed = json.loads(file.read_text()) if file.is_file() else None
        record = check if name == "bundle" else sealed
        judged = results["inputs"].get(name)
        if judged != (None if record is None else content_sha256(record)):
            yield f"the record {name} that was judged is not the sealed one"


def _not_its_gates(results: Mapping[str, Any], policy: Mapping[str, Any]) -> Iterator[str]:
    """Yield where the gates are not the policy's, or the verdict does not follow from them."""
    if sha256_json(policy) != results["policy"]["sha256"]:
        yield "it was judged by another policy"
    judged = [gate["id"] for gate in results["gates"]]
    if sorted(judged + results["deselected"]) != sorted(gate["id"] for gate in policy["gates"]):
        yield "its gates are not those of the policy"
    for stage in STAGES:
        follows = stage_verdict(list(results["gates"]), stage, list(results["deselected"]))
        if results["verdicts"][stage] != follows:
            yield f"its {stage} verdict does not follow from its gates"


def verdict_statement(
    run: Path, bundle: Mapping[str, Any], results: Mapping[str, Any], folder: Path
) -> dict[str, Any]:
    """Return the in-toto statement of the verdict in `folder`: on candidate and bundle.

    Its configuration is policy and exception records of the verdict, and suite and baseline
    manifest of layer one, as files.
    """
    sealed = {f"{RECORDS_DIR}/{name}.json": run for name in _CONFIGURATION}
    own = {path: folder for path, _ in entries(folder) if path.startswith((POLICY, "exceptions/"))}
    configuration = {
        path: sha256_file(root / path)
        for path, root in {**sealed, **own}.items()
        if (root / path).is_file()
    }
    subjects = {CANDIDATE: bundle["candidate"]["sha256"], BUNDLE: sha256_file(run / BUNDLE)}
    return statement_of(results, subjects, configuration)
