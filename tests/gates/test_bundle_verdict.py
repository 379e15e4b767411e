"""Layer two: a verdict over exactly this layer one, kept, chained, signed off, and never edited."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gates.policy import load_policy
from gates.release.layer_one import seal_layer_one
from gates.release.run import judge_run
from gates.release.statement import statement_of
from gates.release.verdict import seal_verdict, sign_off
from gates.release.verdict_check import check_verdicts
from schemas.bundle import BundleError, digest_of, read_bundle
from schemas.canonical import canonical_bytes, sha256_file
from schemas.errors import RecordError, UsageError
from tests.gates.bundles import INCUMBENT, TODAY, MadeRun, copied

FILES = {
    "gate_results.json",
    "summary.md",
    "junit.xml",
    "policy.json",
    "bundle_check.json",
    "statement.intoto.jsonl",
    "seal.json",
}


def problems(run: Path) -> dict[str, tuple[str, ...]]:
    return {each.name: each.problems for each in check_verdicts(run, read_bundle(run))}


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    record = json.loads(path.read_text())
    change(record)
    path.chmod(0o644)
    path.write_bytes(canonical_bytes(record))


def reseal(folder: Path) -> None:
    """Form all hashes of a verdict anew, as somebody who hides an edit would."""

    def renew(seal: dict[str, Any]) -> None:
        seal["files"] = {name: sha256_file(folder / name) for name in seal["files"]}
        seal["digest"] = digest_of(seal)

    edit(folder / "seal.json", renew)


def test_the_verdict_of_a_complete_run_passes_its_bundle_and_is_sealed(judged: Path) -> None:
    verdict = judged / "verdict" / "1"
    results = json.loads((verdict / "gate_results.json").read_text())
    gate = next(gate for gate in results["gates"] if gate["id"] == "artifacts.bundle")
    assert gate["status"] == "pass"
    seal = json.loads((verdict / "seal.json").read_text())
    bundle = read_bundle(judged)
    assert seal["bundle"]["digest"] == bundle["digest"]
    assert (seal["signed_off_by"], seal["signed_off_on"]) == (None, None)
    assert seal["verdict"] == results["verdicts"]["default"]["verdict"]
    assert {path.name for path in verdict.iterdir()} == FILES - {"junit.xml"}
    assert problems(judged) == {"verdict/1": ()}
    assert (judged / "results" / "gate_results.json").read_bytes() == (
        verdict / "gate_results.json"
    ).read_bytes()


def test_the_statement_names_candidate_bundle_configuration_and_every_gate(judged: Path) -> None:
    verdict = judged / "verdict" / "1"
    (line,) = (verdict / "statement.intoto.jsonl").read_text().splitlines()
    statement = json.loads(line)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    digests = {each["name"]: each["digest"]["sha256"] for each in statement["subject"]}
    assert digests == {n: sha256_file(judged / n) for n in ("candidate.h5", "bundle.json")}
    predicate = statement["predicate"]
    configuration = {each["name"]: each["digest"]["sha256"] for each in predicate["configuration"]}
    assert configuration == {
        "policy.json": sha256_file(verdict / "policy.json"),
        "records/baseline.json": sha256_file(judged / "records" / "baseline.json"),
        "records/suite.json": sha256_file(judged / "records" / "suite.json"),
    }
    assert predicate["result"] == "FAILED"  # publication is still unmeasured
    assert predicate["failedTests"] == ["release.contract"]
    lists = [predicate[name] for name in ("passedTests", "warnedTests", "failedTests")]
    assert sorted(name for names in lists for name in names) == sorted(
        gate.id for gate in load_policy().gates
    )


@pytest.mark.parametrize(
    ("statuses", "verdict", "result", "warned", "failed"),
    [
        ([("pass", True), ("not_applicable", True)], "ready", "PASSED", [], []),
        ([("pass", True), ("waived", True)], "ready", "WARNED", ["g1"], []),
        ([("fail", False), ("pass", True)], "ready", "WARNED", ["g0"], []),
        ([("unmeasured", True), ("unmeasured", False)], "incomplete", "FAILED", ["g1"], ["g0"]),
        ([("error", True)], "blocked", "FAILED", [], ["g0"]),
        ([("pass", True)], "partial", "FAILED", [], []),
    ],
)
def test_result_and_lists_follow_the_verdict(
    statuses: list[tuple[str, bool]],
    verdict: str,
    result: str,
    warned: list[str],
    failed: list[str],
) -> None:
    gates = [
        {"id": f"g{place}", "stages": {"beta": {"status": status, "blocking": blocking}}}
        for place, (status, blocking) in enumerate(statuses)
    ]
    results = {"stage": "beta", "gates": gates, "verdicts": {"beta": {"verdict": verdict}}}
    subjects = dict.fromkeys(("candidate.h5", "bundle.json"), "0" * 64)
    predicate = statement_of(results, subjects, {"policy.json": "0" * 64})["predicate"]
    assert predicate["result"] == result
    assert (predicate["warnedTests"], predicate["failedTests"]) == (warned, failed)


def test_one_flipped_byte_in_any_file_of_a_verdict_is_named(judged: Path, tmp_path: Path) -> None:
    run = copied(judged, tmp_path)
    for file in sorted((run / "verdict" / "1").iterdir()):
        sound = file.read_bytes()
        file.chmod(0o644)
        middle = len(sound) // 2
        file.write_bytes(sound[:middle] + bytes([sound[middle] ^ 1]) + sound[middle + 1 :])
        (found,) = problems(run).values()
        assert any(file.name in line for line in found), file.name
        file.write_bytes(sound)
    assert problems(run) == {"verdict/1": ()}


def test_files_added_deleted_or_beside_a_verdict_are_named(judged: Path, tmp_path: Path) -> None:
    run = copied(judged, tmp_path)
    (run / "verdict" / "1" / "summary.md").unlink()
    (run / "verdict" / "1" / "more.txt").write_text("")
    (run / "verdict" / "note.txt").write_text("")
    (run / "verdict" / "7").mkdir()
    found = problems(run)
    assert found["verdict/1"] == ("missing: summary.md; added: more.txt",)
    assert found["verdict/note.txt"] == ("unexpected",)
    assert found["verdict/7"][0] == "verdict 2 is missing before it"
    shutil.rmtree(run / "verdict")
    (run / "verdict").symlink_to(judged / "verdict")
    assert problems(run) == {"verdict": ("it is no folder",)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r["verdicts"]["default"].update(verdict="ready"), "does not follow"),
        (lambda r: r["gates"].pop(), "gates are not those of the policy"),
        (lambda r: r["inputs"].update(loss="f" * 64), "record loss that was judged"),
        (lambda r: r["inputs"].update(bundle=None), "record bundle that was judged"),
        (lambda r: r["candidate"].update(sha256="f" * 64), "another candidate was judged"),
        (lambda r: r["incumbent"].update(id="other"), "another incumbent"),
        (lambda r: r["policy"].update(sha256="f" * 64), "another policy"),
    ],
)
def test_results_that_contradict_layer_one_are_found_even_with_hashes_renewed(
    judged: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], words: str
) -> None:
    run = copied(judged, tmp_path)
    edit(run / "verdict" / "1" / "gate_results.json", change)
    reseal(run / "verdict" / "1")
    (found,) = problems(run).values()
    assert any(words in line for line in found), found


def test_a_statement_or_seal_that_says_otherwise_is_found_even_with_hashes_renewed(
    judged: Path, tmp_path: Path
) -> None:
    run = copied(judged, tmp_path)
    folder = run / "verdict" / "1"
    statement = folder / "statement.intoto.jsonl"
    sound = statement.read_text()
    statement.chmod(0o644)
    statement.write_text(sound.replace('"FAILED"', '"PASSED"'))
    reseal(folder)
    (found,) = problems(run).values()
    assert found == ("statement.intoto.jsonl does not say what gate_results.json says",)
    statement.write_text(sound)
    edit(folder / "seal.json", lambda seal: seal.update(verdict="ready"))
    reseal(folder)
    (found,) = problems(run).values()
    assert found == ("its seal states another verdict than its results",)


def test_a_verdict_with_other_exception_records_than_were_judged_is_refused(
    judged: Path, tmp_path: Path
) -> None:
    run = copied(judged, tmp_path)
    index = run / "results" / "records" / "judge_inputs.json"
    edit(index, lambda record: record["exceptions"].update(malformed=["a.json: no record"]))
    with pytest.raises(BundleError, match="exception records beside it are not those"):
        seal_verdict(run, run / "results")
    assert problems(run) == {"verdict/1": ()}


def test_a_verdict_over_another_layer_one_is_refused(
    unsealed: MadeRun, judged: Path, tmp_path: Path
) -> None:
    run = unsealed.copy(tmp_path)
    (run / "config.json").write_text('{"seed": 2}\n')
    seal_layer_one(run)
    shutil.copytree(judged / "verdict", run / "verdict")
    (found,) = problems(run).values()
    assert any("over another layer one" in line for line in found)
    assert "another bundle was checked" in found
    shutil.rmtree(run / "verdict")
    with pytest.raises(BundleError, match=r"not over the sealed layer one: .*record bundle"):
        seal_verdict(run, judged / "results")
    assert not list((run / "verdict").iterdir())


def test_a_later_verdict_keeps_the_earlier_one_and_names_it(judged: Path, tmp_path: Path) -> None:
    run = copied(judged, tmp_path)
    first = (run / "verdict" / "1" / "seal.json").read_bytes()
    seal_verdict(run, run / "results", signed_off_by="Jane Doe")
    assert (run / "verdict" / "1" / "seal.json").read_bytes() == first
    second = json.loads((run / "verdict" / "2" / "seal.json").read_text())
    assert second["previous"] == json.loads(first)["digest"]
    assert second["signed_off_by"] == "Jane Doe"
    assert problems(run) == {"verdict/1": (), "verdict/2": ()}
    shutil.rmtree(run / "verdict" / "1")
    (found,) = problems(run).values()
    assert "verdict 1 is missing before it" in found
    (run / "verdict" / "2").rename(run / "verdict" / "1")
    (found,) = problems(run).values()
    assert "it was sealed as verdict 2" in found


def test_a_changed_layer_one_is_not_judged_again(judged: Path, tmp_path: Path) -> None:
    run = copied(judged, tmp_path)
    (run / "config.json").chmod(0o644)
    (run / "config.json").write_text("{ }\n")
    attempts: tuple[Callable[[], object], ...] = (
        lambda: judge_run(run, INCUMBENT, load_policy(), exceptions=TODAY),
        lambda: seal_verdict(run, run / "results"),
        lambda: sign_off(run, "Jane Doe"),
    )
    for attempt in attempts:
        with pytest.raises(BundleError, match=r"changed: config\.json"):
            attempt()
    assert [path.name for path in (run / "verdict").iterdir()] == ["1"]


def test_a_run_is_not_judged_against_another_incumbent_than_it_was_sealed_with(
    judged: Path,
) -> None:
    with pytest.raises(UsageError, match="was measured against incumbent-under-test"):
        judge_run(judged, "psl-cps-2024", load_policy(), exceptions=TODAY)


def test_a_sign_off_is_sealed_once_and_by_a_name(judged: Path, tmp_path: Path) -> None:
    run = copied(judged, tmp_path)
    with pytest.raises(UsageError, match="blank"):
        sign_off(run, "  ")
    seal = sign_off(run, "Jane Doe")
    assert (seal["signed_off_by"], len(seal["signed_off_on"])) == ("Jane Doe", 10)
    assert problems(run) == {"verdict/1": ()}
    with pytest.raises(UsageError, match="was signed off by Jane Doe"):
        sign_off(run, "John Roe")
    edit(run / "verdict" / "1" / "seal.json", lambda seal: seal.update(signed_off_by="John Roe"))
    assert "seal.json is not as it was sealed" in problems(run)["verdict/1"][0]
    with pytest.raises(BundleError, match=r"verdict/1: seal\.json"):
        sign_off(run, "John Roe")


def test_a_run_without_verdict_cannot_be_signed_off(sealed: Path) -> None:
    with pytest.raises(UsageError, match="no sealed verdict"):
        sign_off(sealed, "Jane Doe")


def test_a_junit_file_is_sealed_without_the_name_of_the_host(judged: Path, tmp_path: Path) -> None:
    run = copied(judged, tmp_path)
    (run / "results" / "junit.xml").write_text('<testsuite name="p" hostname="box" time="1"/>')
    seal = seal_verdict(run, run / "results")
    assert set(seal["files"]) == FILES - {"seal.json"}
    written = (run / "verdict" / "2" / "junit.xml").read_text()
    assert written == '<testsuite name="p" time="1"/>'


def test_an_interrupted_sealing_of_a_verdict_leaves_no_verdict(
    judged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gates.release import verdict

    run = copied(judged, tmp_path)

    def full(*wanted: Any) -> None:
        raise RecordError("the disk is full", reason="x", remedy="make room")

    monkeypatch.setattr(verdict, "_write_seal", full)
    with pytest.raises(RecordError, match="disk is full"):
        seal_verdict(run, run / "results")
    assert problems(run) == {"verdict/1": ()}
    (run / "verdict" / "unfinished").mkdir()  # as a kill leaves it
    assert problems(run)["verdict/unfinished"] == ("unexpected",)
    monkeypatch.undo()
    seal_verdict(run, run / "results")
    assert problems(run) == {"verdict/1": (), "verdict/2": ()}
