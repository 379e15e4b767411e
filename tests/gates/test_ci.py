"""`python -m gates.ci`: where a candidate comes from, what is said, what untrusted text can do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gates.ci import app
from gates.ci_candidate import located, source
from gates.ci_state import MOST_SUMMARY, State, cut, report
from schemas.errors import UsageError
from tests.gates.ci_results import results_of

REPOSITORY = "owner/data"
runner = CliRunner()


def sources(checkout: Path, **given: str) -> dict[str, str]:
    named: dict[str, str | None] = {"artifact": None, "release": None, "path": None, **given}
    return source(checkout, REPOSITORY, **named)  # type: ignore[arg-type]


def test_each_way_to_name_a_candidate(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    (tmp_path / "a b" / "c.h5").touch()
    assert sources(tmp_path, path="a b/c.h5") == {"kind": "path", "candidate": "a b/c.h5"}
    found = sources(tmp_path, artifact="123/candidate-1.0")
    assert found == {"kind": "artifact", "run": "123", "artifact": "candidate-1.0"}
    wanted = {
        "kind": "release",
        "tag": "beta/v1.0",
        "asset": "cand.h5",
        "manifest": "cand.manifest.json",
    }
    assert sources(tmp_path, release="beta/v1.0/cand.h5") == wanted
    for tag in ("beta/v1.0", "beta%2Fv1.0"):
        url = f"https://github.com/{REPOSITORY}/releases/download/{tag}/cand.h5"
        assert sources(tmp_path, release=url) == wanted


def test_without_a_name_it_is_what_the_branch_brings_else_the_embedded_one(tmp_path: Path) -> None:
    embedded = {"kind": "embedded", "candidate": "runs/demo/candidate.h5"}
    assert sources(tmp_path, path="", artifact="") == embedded
    (tmp_path / "candidate").mkdir()
    (tmp_path / "candidate" / "candidate.h5").touch()
    assert sources(tmp_path) == {"kind": "path", "candidate": "candidate/candidate.h5"}
    (tmp_path / "candidate" / "candidate.h5").unlink()
    (tmp_path / "candidate" / "candidate.h5").symlink_to(tmp_path / "nothing")
    with pytest.raises(UsageError):  # never the embedded one in its place
        sources(tmp_path)


HOSTILE = [
    {"path": "a.h5", "release": "v1/a.h5"},
    {"path": "../a.h5"},
    {"path": "/etc/passwd"},
    {"path": "absent.h5"},
    {"path": "folder.h5"},
    {"path": "link.h5"},
    {"path": "linked/a.h5"},
    {"path": "a.h5\nkind=embedded"},
    {"path": "$(id).h5"},
    {"path": "a.txt"},
    {"artifact": "candidate"},
    {"artifact": "12/../x"},
    {"artifact": "12/a\nb"},
    {"artifact": "x/name"},
    {"release": "a.h5"},
    {"release": "-R/a.h5"},
    {"release": "--repo=evil/a.h5"},
    {"release": "v1/*.h5"},
    {"release": "v1/-a.h5"},
    {"release": "v1/../a.h5"},
    {"release": 'v1"; id; "/a.h5'},
    {"release": "https://github.com/evil/data/releases/download/v1/a.h5"},
    {"release": "https://evil.example/v1/a.h5"},
    {"release": "v1/a.h5\n"},
    {"release": "v1%2F/a.h5"},
    {"release": f"https://github.com/{REPOSITORY}/releases/download/v1%0a/a.h5"},
    {"release": f"https://github.com/{REPOSITORY}/releases/download/%2e%2e/a.h5"},
]


@pytest.mark.parametrize("given", HOSTILE, ids=json.dumps)
def test_what_is_no_plain_name_is_refused(tmp_path: Path, given: dict[str, str]) -> None:
    checkout = tmp_path / "checkout"
    for folder in (checkout / "folder.h5", tmp_path / "outside"):
        folder.mkdir(parents=True)
    for file in (checkout / "a.h5", checkout / "a.txt", tmp_path / "outside" / "a.h5"):
        file.touch()
    (tmp_path / "a.h5").touch()
    (checkout / "link.h5").symlink_to(tmp_path / "a.h5")
    (checkout / "linked").symlink_to(tmp_path / "outside")
    with pytest.raises(UsageError) as refused:
        sources(checkout, **given)
    assert refused.value.remedy.startswith("name ")


def test_a_download_holds_exactly_one_plain_h5(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has 0 H5 files"):
        located(tmp_path)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "run.h5").touch()
    (tmp_path / "run.manifest.json").touch()
    assert located(tmp_path) == f"{tmp_path}/deep/run.h5"
    (tmp_path / "other.h5").symlink_to(tmp_path / "deep" / "run.h5")
    with pytest.raises(UsageError, match="has 2 H5 files"):
        located(tmp_path)
    (tmp_path / "deep" / "run.h5").unlink()
    with pytest.raises(UsageError, match="no H5 file there"):
        located(tmp_path)
    (tmp_path / "other.h5").unlink()
    (tmp_path / "a\nb.h5").touch()
    with pytest.raises(UsageError, match="no H5 file there"):
        located(tmp_path)


def test_what_is_said_is_never_rendered_and_stays_one_line() -> None:
    said = State(False, "a\n\n# b\x1b<img src=x>\r::error::").markdown()
    body = said.split("\n\n", 1)[1]
    assert body.strip("\n").count("\n") == 0
    assert body.startswith("    a  # b <img")


def test_a_summary_keeps_to_the_limit_in_bytes(tmp_path: Path) -> None:
    assert cut("short", 100) == "short"
    (tmp_path / "summary.md").write_text("é" * 100 + "\n" + ("é" * 50 + "\n") * 20_000)
    taken = 1000
    summary, _ = report(tmp_path, None, taken)
    assert MOST_SUMMARY - 8192 < len(summary.encode()) + taken < MOST_SUMMARY - 1000
    assert summary.endswith("The dashboard is among the artifacts.")
    assert summary.split("\n")[5] == "é" * 50


def test_only_annotations_are_printed_and_at_most_ten(tmp_path: Path) -> None:
    lines = [
        "::set-output name=a::b",
        "::add-mask::a",
        "::stop-commands::x",
        "::error::",
        "words",
        " ::error::x",
        "::error title=a::b::\x1b[2J",
        "::error title=Gate loss.broad::worse %0A by 2",
        *[f"::warning::{number}" for number in range(20)],
    ]
    (tmp_path / "annotations.txt").write_text("\n".join(lines) + "\n")
    _, printed = report(tmp_path, None)
    assert len(printed) == 10
    assert printed[0] == lines[7]
    assert printed[1] == "::warning::0"


def test_without_a_dashboard_the_summary_says_what_the_results_say(tmp_path: Path) -> None:
    summary, printed = report(tmp_path / "absent", tmp_path / "gate_results.json")
    assert "no gate results" in summary
    results, _ = results_of(tmp_path, {"loss.broad": "fail"})
    summary, printed = report(tmp_path / "absent", results)
    assert "No dashboard was exported" in summary
    assert "default: blocked" in summary
    assert printed == []


def test_outputs_and_summary_go_to_the_files_of_the_runner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(name, str(tmp_path / name))
        (tmp_path / name).write_text("before\n")
    monkeypatch.setenv("CANDIDATE_ARTIFACT", "12/name")
    monkeypatch.setenv("CANDIDATE_PATH", "")
    assert runner.invoke(app, ["source"]).exit_code == 0
    wrote = (tmp_path / "GITHUB_OUTPUT").read_text()
    assert wrote == "before\nkind=artifact\nrun=12\nartifact=name\n"
    assert runner.invoke(app, ["report", "site"]).exit_code == 0
    assert "No dashboard" in (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    monkeypatch.setenv("CANDIDATE_PATH", "x.h5")
    assert runner.invoke(app, ["source"]).exit_code == 3
    assert (tmp_path / "GITHUB_OUTPUT").read_text() == wrote


def shielded(*command: str) -> int:
    """Return the exit code of a command behind the shield."""
    with pytest.raises(SystemExit) as left:
        app(["shield", "--", *command])
    return int(left.value.code or 0)


def test_a_shielded_command_cannot_speak_to_the_runner(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    marks = set()
    for _ in range(2):
        assert shielded("bash", "-c", "printf '::error::x'; exit 7") == 7
        said = capfd.readouterr().out.splitlines()
        mark = said[0].removeprefix("::stop-commands::")
        assert said == [f"::stop-commands::{mark}", "::error::x", f"::{mark}::"]
        marks.add(mark)
    assert len(marks) == 2
    assert min(map(len, marks)) >= 32
    assert shielded(str(tmp_path / "absent")) == 127
    assert capfd.readouterr().out.rstrip().endswith("::")


def test_what_a_shielded_command_says_on_the_error_stream_is_between_the_marks(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert shielded("bash", "-c", "echo '::error::x' >&2") == 0
    captured = capfd.readouterr()
    assert captured.err == ""
    assert captured.out.splitlines()[1] == "::error::x"


def test_a_shielded_command_is_not_told_of_the_files_of_the_runner(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STATE", "GITHUB_STEP_SUMMARY")
    for name in names:
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    assert shielded("env") == 0
    told = {line.partition("=")[0] for line in capfd.readouterr().out.splitlines()}
    assert not told & set(names)
    assert {"GITHUB_REPOSITORY", "PATH"} <= told
