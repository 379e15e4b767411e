"""Sample runs: complete run folders made by the project's own code, without an engine.

The incumbent's figures are its frozen evidence, the candidate's are made from them. Losses, gate
results and seals come from the code that makes them for real runs, on the real policy.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from sample_builds import write_build
from sample_inputs import HOSTILE_LABEL, LABEL, Recipe, inputs_of, suite_of
from sample_reading import read_sample
from sample_records import base, candidate_bytes, candidate_subject
from sample_suites import ODD_TARGET, SCRIPT_TARGET

from dashboard.run_data import RunData
from gates import inputs as judge_inputs
from gates.exceptions import ExceptionSet
from gates.inputs import JudgeInputs, write_inputs
from gates.judges import JUDGES
from gates.judging import judge_gate
from gates.policy import Policy, load_policy
from gates.release import check, contents, layer_one
from gates.release.contents import Contents, load_contents
from gates.release.environment import environment_record
from gates.release.layer_one import collect_inputs, seal_layer_one
from gates.release.run import sealed_inputs
from gates.release.verdict import seal_verdict
from gates.results import assemble, write_results
from schemas.bundle import read_bundle, read_sealed
from schemas.pointer import next_pointer, read_pointer
from schemas.pointer import write_pointer as write_record_of
from schemas.records import write_record

__all__ = [
    "HOSTILE_LABEL",
    "LABEL",
    "ODD_TARGET",
    "SCRIPT_TARGET",
    "VARIED",
    "break_run",
    "sample_run",
    "write_pointer",
    "write_run",
]

VARIED: Mapping[str, Any] = {
    "failing": (
        "loss.held_out",
        "family.snap",
        "family.wages",
        "aggregate.wage_income",
        "benchmark.ctc-arpa.fiscal",
        "contract.names.computed",
        "runtime.median",
    ),
    "waived": ("aggregate.snap_value",),
    "errors": ("contract.values.finite",),
    "hostile": True,
}


def sample_run(*, name: str = "sample", **recipe: Any) -> RunData:
    """Return a run in memory, as an index would load it; arguments are those of `Recipe`.

    Every call returns records of its own, which a test may change.
    """
    return RunData(**json.loads(_sample_text(_recipe(name, recipe))))


@cache
def _sample_text(recipe: Recipe) -> str:
    """Return a run as JSON, which is quicker to read again than to copy."""
    with tempfile.TemporaryDirectory() as root:
        _write(Path(root), recipe)
        run = read_sample(Path(root), recipe.name)
    return json.dumps({each.name: getattr(run, each.name) for each in fields(run)})


def write_run(root: Path, name: str, **recipe: Any) -> Path:
    """Write a run folder `root/name` of valid records and return it.

    Arguments are those of `Recipe`: by default it is sealed and holds one sealed verdict. `judged`
    false leaves the verdict out; `sealed` false writes records and results as a gate run without a
    bundle does. A local product is sealed by the list of contents of the national one, because
    none of its own is stated yet.
    """
    return _write(root, _recipe(name, recipe))


def _recipe(name: str, recipe: Mapping[str, Any]) -> Recipe:
    lists = {key: tuple(value) for key, value in recipe.items() if isinstance(value, list | set)}
    made = Recipe(name=name, **{**recipe, **lists})
    if made.local and made.incumbent == "psl-cps-2024":
        made = replace(made, incumbent="pe-local-small-l0")
    return made


def _write(root: Path, recipe: Recipe) -> Path:
    run = root / recipe.name
    run.mkdir(parents=True)
    h5 = candidate_bytes(recipe.name, recipe.seed)
    label = HOSTILE_LABEL if recipe.hostile else "candidate.h5"
    inputs = inputs_of(recipe, candidate_subject(h5, label))
    policy = replace(load_policy(), product=recipe.product)
    if not recipe.sealed:
        write_inputs(run / "results" / "records", inputs)
        if recipe.judged:
            with _cheaply():
                write_results(run / "results", _results(policy, inputs, recipe))
        return run
    _write_files(run, recipe, inputs, h5)
    with _cheaply():
        collect_inputs(run, inputs)
        seal_layer_one(run)
        for _ in range(recipe.verdicts if recipe.judged else 0):
            _judge(run, policy, recipe, inputs.exceptions)
    return run


def _write_files(run: Path, recipe: Recipe, inputs: JudgeInputs, h5: bytes) -> None:
    (run / "candidate.h5").write_bytes(h5)
    for name, data in base().extensions.items():
        (run / name).write_bytes(data)
    beside = inputs.records["candidate_manifest"]
    write_record(run / "candidate.manifest.json", beside, "candidate_manifest")
    complete = "artifacts.bundle" not in recipe.failing
    write_build(run, suite_of(recipe), recipe.product, recipe.seed, curves=complete)


def _results(policy: Policy, inputs: JudgeInputs, recipe: Recipe) -> dict[str, Any]:
    judged = {gate.id: judge_gate(gate, inputs, JUDGES) for gate in policy.gates}
    if recipe.publishable:
        judged["release.contract"] = judged["exceptions.valid"] | {
            key: judged["release.contract"][key] for key in ("id", "title", "group", "clause")
        }
    results = assemble(policy, inputs, judged, stage=recipe.stage)
    results["run"]["judged_at"] = recipe.judged_at
    return results


def _judge(run: Path, policy: Policy, recipe: Recipe, exceptions: ExceptionSet) -> None:
    """Do as `gates.release.run.judge_run` does for a sealed folder, on the day of the recipe."""
    inputs = replace(sealed_inputs(run), exceptions=exceptions)
    # Of the records that were judged, sealing a verdict reads the exceptions only.
    write_inputs(run / "results" / "records", replace(inputs, records={}))
    write_results(run / "results", _results(policy, inputs, recipe))
    seal_verdict(run, run / "results", recipe.signed_off_by)
    shutil.rmtree(run / "results")


@cache
def _environment() -> dict[str, Any]:
    return environment_record()


def _once(compute: Callable[[Any], str]) -> Callable[[Any], str]:
    """Return a hash function that hashes each object once; it keeps them alive, so ids are safe."""
    known: dict[int, tuple[Any, str]] = {}

    def hashed(record: Any) -> str:
        if id(record) not in known:
            known[id(record)] = (record, compute(record))
        return known[id(record)][1]

    return hashed


@contextmanager
def _cheaply() -> Iterator[None]:
    """Seal any product by the national list of contents, and hash each record once only."""

    def national(product: str) -> Contents:
        return load_contents("mp-national")

    with ExitStack() as stack:
        for module in (check, layer_one):
            stack.enter_context(patch.object(module, "load_contents", national))
        stack.enter_context(patch.object(layer_one, "environment_record", _environment))
        for module, name in _HASHES:
            stack.enter_context(patch.object(module, name, _once(getattr(module, name))))
        yield


def write_pointer(
    root: Path, *runs: Path, stage: str = "default", pointed_by: str = "A. Manager"
) -> Path:
    """Point at sealed and judged runs below a root, one after the other; the last is current."""
    path = root
    for day, run in enumerate(runs, start=1):
        bundle = read_bundle(run)
        seals = sorted((run / "verdict").iterdir(), key=lambda each: int(each.name))
        seal = read_sealed(seals[-1] / "seal.json", "verdict_seal")
        results = json.loads((seals[-1] / "gate_results.json").read_text())
        entry = {
            "run": run.relative_to(root).as_posix(),
            "run_id": bundle["run_id"],
            "bundle_digest": bundle["digest"],
            "verdict_number": seal["number"],
            "verdict_digest": seal["digest"],
            "candidate_sha256": bundle["candidate"]["sha256"],
            "incumbent": bundle["incumbent"],
            "stage": stage,
            "verdict": results["verdicts"][stage]["verdict"],
            "demonstration": results["demonstration"],
            "pointed_by": pointed_by,
            "pointed_at": f"2026-11-{day:02d}T09:00:00+00:00",
            "reason": f"{day},000 households",
        }
        earlier = read_pointer(root, bundle["product"])
        path = write_record_of(root, next_pointer(earlier, bundle["product"], entry))
    return path


_HASHES = (
    (judge_inputs, "content_sha256"),
    (judge_inputs, "sha256_json"),
    (contents, "content_sha256"),
)

DAMAGES = ("half", "edited", "not_json", "invalid", "link", "gone", "foreign", "verdict")


def break_run(run: Path, how: str) -> None:
    """Damage a sealed run folder in one of the ways of DAMAGES.

    `half`: the seal's record was never written. `edited`: a record was changed after sealing, and
    is still valid. `not_json` and `invalid`: so is a record that can't be read, or breaks its
    schema. `link`: a record is a link out of the folder. `gone`: a sealed record was removed.
    `foreign`: the seal lists a path outside the folder. `verdict`: the verdict was edited.
    """
    loss = run / "records" / "loss.json"
    if how == "half":
        (run / "bundle.json").unlink()
    elif how == "edited":
        record = json.loads(loss.read_text())
        record["wins"] += 1
        _overwrite(loss, record)
    elif how == "not_json":
        _overwrite(loss, None)
    elif how == "invalid":
        _overwrite(loss, {"schema": "loss_record"})
    elif how == "link":
        away = run.parent / f"{run.name}-loss.json"
        loss.replace(away)
        loss.symlink_to(away)
    elif how == "gone":
        loss.unlink()
    elif how == "foreign":
        record = json.loads((run / "bundle.json").read_text())
        record["files"][0]["path"] = "../../outside.json"
        _overwrite(run / "bundle.json", record)
    elif how == "verdict":
        results = run / "verdict" / "1" / "gate_results.json"
        text = results.read_text().replace('"status": "fail"', '"status": "pass"')
        _overwrite(results, json.loads(text))
    else:
        raise ValueError(f"{how} is none of {', '.join(DAMAGES)}")


def _overwrite(file: Path, record: Any) -> None:
    file.chmod(0o644)
    file.write_text("{" if record is None else json.dumps(record, sort_keys=True, indent=1) + "\n")
