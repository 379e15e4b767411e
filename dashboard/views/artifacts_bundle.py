"""What a run is pinned to, what it was made of, and whether its bundle is whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dashboard.blocks import Block, Cell, Column, Notice, Prose, Section, Table, Tone
from dashboard.run_data import RunData, pointer
from dashboard.units import NOTHING, words
from dashboard.views.artifacts_cost import gate_page, stage_rows
from dashboard.views.lookup import BUILD, GATES, absent, short

BUNDLE_GATE = "artifacts.bundle"
# The incumbent's pins in the order of the plan (Pinned baseline).
_PINS = {
    "h5_uri": "H5 address",
    "h5_filename": "H5 file name",
    "h5_revision": "H5 revision",
    "h5_sha256": "H5 sha256",
    "h5_logical_sha256": "sha256 of the H5's contents",
    "h5_size_bytes": "H5 size",
    "data_repo": "Data repository",
    "data_repo_commit": "Data repository commit",
    "policyengine_us": "policyengine-us",
    "policyengine_core": "policyengine-core",
    "target_db_path": "Target database",
    "target_db_sha256": "Target database sha256",
    "target_db_size_bytes": "Target database size",
}
_PINNED = (
    ("Candidate sha256", GATES, "/candidate/sha256"),
    ("Candidate, sha256 of the contents", GATES, "/candidate/logical_sha256"),
    ("Candidate sha256, as its manifest states", "candidate_manifest", "/h5/sha256"),
    ("Suite", "suite", "/id"),
    ("Suite sha256, as measured", "evidence", "/suite/sha256"),
    ("Target database", "evidence", "/target_db/id"),
    ("Target database sha256", "evidence", "/target_db/sha256"),
    ("Engine, policyengine-us", "evidence", "/engine/policyengine_us"),
    ("Engine, policyengine-core", "evidence", "/engine/policyengine_core"),
    ("Policy", GATES, "/policy/id"),
    ("Policy sha256", GATES, "/policy/sha256"),
    ("Builder version", "candidate_manifest", "/builder/version"),
    ("Builder commit", "candidate_manifest", "/builder/commit"),
    ("Build configuration sha256", "candidate_manifest", "/builder/config_sha256"),
)
_WHAT = (Column("What"), Column("Value"))


def pins(run: RunData) -> Iterator[Block]:
    """Yield what identifies the candidate, what judged it, and the incumbent's pins."""
    rows = [(Cell(label), _pinned(run, record, at)) for label, record, at in _PINNED]
    yield Table("What was judged, and by what", _WHAT, tuple(rows))
    if not run.has("baseline"):
        yield absent(run, "baseline")
        return
    unknown: Mapping[str, str] = run.get("baseline", "/unknown") or {}
    rows = [(Cell("Incumbent"), run.cell("baseline", "/id", note=run.get("baseline", "/label")))]
    for key, label in _PINS.items():
        unit = "bytes" if key.endswith("size_bytes") else ""
        at = pointer("pins", key)
        pinned = run.cell("baseline", at, unit, note=unknown.get(key, ""))
        rows.append((Cell(label), pinned))
    rows += _local_pins(run, unknown)
    eligible = run.get("baseline", "/release_eligible")
    why = run.get("baseline", "/release_eligible_reason") or ""
    rows.append((Cell("May be replaced by a release"), Cell("yes" if eligible else "no", note=why)))
    note = "A pin without a value is unknown; the reason stands below the dash."
    yield Table("Pins of the incumbent", _WHAT, tuple(rows), note)


def _local_pins(run: RunData, unknown: Mapping[str, str]) -> Iterator[tuple[Cell, Cell]]:
    """Yield what else a local incumbent is pinned by (plan: Local release gates)."""
    local = run.get("baseline", "/local")
    if local is None:
        return
    for key, label in (
        ("objective", "Objective"),
        ("target_subset_sha256", "Target subset sha256"),
    ):
        why = unknown.get(f"local.{key}", "")
        yield Cell(label), run.cell("baseline", pointer("local", key), note=why)
    for place, file in enumerate(local["weight_files"]):
        at = pointer("local", "weight_files", place, "sha256")
        yield Cell(f"Weight file {file['path']}, sha256"), run.cell("baseline", at)
    if not local["weight_files"]:
        yield Cell("Weight files"), Cell(NOTHING, note=unknown.get("local.weight_files", ""))


def _pinned(run: RunData, record: str, at: str) -> Cell:
    """Return a pin; where the manifest is of another file than the one judged, that is said."""
    cell, judged = run.cell(record, at), run.get(GATES, "/candidate/sha256")
    if record != "candidate_manifest" or at != "/h5/sha256" or judged in (None, cell.raw):
        return cell
    return replace(cell, note="the manifest is NOT of the file that was judged")


def sources(run: RunData) -> Iterator[Block]:
    """Yield every source with its files and hashes; an absent one with the reason."""
    if not run.has("sources"):
        yield absent(run, "sources", BUILD)
        return
    entries = run.get("sources", "/sources")
    rows = [
        (
            Cell(each["id"], note=each["title"]),
            Cell(each["status"]),
            Cell(each["licence"]),
            Cell(each["message"] or NOTHING, note=each["remedy"] or ""),
        )
        for each in entries
    ]
    columns = (Column("Source"), Column("Status"), Column("Licence"), Column("Why it is absent"))
    note = "Nothing stands in for a source that is absent."
    yield Table("Sources of the build", columns, tuple(rows), note)
    yield _source_files(run, entries)


def _source_files(run: RunData, entries: list[Mapping[str, Any]]) -> Table:
    rows = []
    for place, source in enumerate(entries):
        for number, file in enumerate(source["files"]):
            at = ("sources", place, "files", number)
            size = run.cell("sources", pointer(*at, "size_bytes"), "bytes")
            digest = short(run.cell("sources", pointer(*at, "sha256")))
            rows.append((Cell(file["name"], note=source["id"]), size, digest))
    columns = (Column("File"), Column("Size", True), Column("sha256"))
    return Table("Files of the sources", columns, tuple(rows))


def bundle(run: RunData) -> Iterator[Block]:
    """Yield whether the bundle is whole, its seals, and every file in it."""
    yield from _check(run)
    yield _seal(run)
    yield from gate_page(run, BUNDLE_GATE)
    files = run.get("bundle", "/files")
    if files is None:
        yield absent(run, "bundle", "mpgate bundle seal RUN")
        return
    rows = tuple(
        (
            Cell(file["path"]),
            Cell(words(file["role"])),
            run.cell("bundle", pointer("files", place, "size_bytes"), "bytes"),
            short(run.cell("bundle", pointer("files", place, "sha256"))),
        )
        for place, file in enumerate(files)
    )
    columns = (Column("File"), Column("Role"), Column("Size", True), Column("sha256"))
    yield Section("Every file of the bundle", (Table("Files", columns, rows),), open=False)


def _check(run: RunData) -> Iterator[Block]:
    """Yield what the bundle lacks, and what was changed or added since it was sealed."""
    if not run.has("bundle_check"):
        yield absent(run, "bundle_check")
        return
    whole = run.get("bundle_check", "/intact") and run.get("bundle_check", "/complete")
    intact = "intact" if run.get("bundle_check", "/intact") else "not intact"
    complete = "complete" if run.get("bundle_check", "/complete") else "not complete"
    ours = run.get("bundle_check", "/candidate_matches")
    other = "" if ours else " It seals another candidate than the one judged."
    rows = (*_findings(run), *_other_records(run))
    tone: Tone = "good" if whole and ours and not rows else "bad"
    yield Notice(tone, f"When it was judged, the bundle was {intact} and {complete}.{other}")
    if rows:
        columns = (Column("Finding"), Column("What"), Column("Detail"))
        yield Table("What is wrong with the bundle", columns, rows)


def _findings(run: RunData) -> Iterator[tuple[Cell, ...]]:
    """Yield what the check of the bundle found, a row each."""
    for gap in run.get("bundle_check", "/missing"):
        yield Cell("missing"), Cell(gap["what"], note=gap["why"]), Cell(words(gap["role"]))
    for each in run.get("bundle_check", "/invalid"):
        yield Cell("invalid"), Cell(each["path"]), Cell(each["reason"])
    for key, why in (
        ("changed", "changed since it was sealed"),
        ("unexpected", "added since it was sealed"),
    ):
        for path in run.get("bundle_check", pointer(key)):
            yield Cell(key), Cell(path), Cell(why)


def _other_records(run: RunData) -> Iterator[tuple[Cell, ...]]:
    """Yield each sealed record in whose place another was judged, as the gate counts them."""
    judged: Mapping[str, str | None] = run.get(GATES, "/inputs") or {}
    for name, sealed in sorted(run.get("bundle_check", "/records").items()):
        if judged.get(name) not in (None, sealed):
            yield Cell("other record"), Cell(words(name)), Cell("another one was judged")


def _seal(run: RunData) -> Table:
    """Return digest, verdict number and who signed off."""
    signed = run.cell("seal", "/signed_off_by", note=run.get("seal", "/signed_off_on") or "")
    unsigned = Cell("nobody", note="mpgate bundle sign-off RUN" if run.has("seal") else "")
    rows = (
        (Cell("State of the run"), Cell(run.state)),
        *stage_rows(run, BUNDLE_GATE, ""),
        (Cell("Digest of the bundle"), run.cell("bundle", "/digest")),
        (Cell("Verdict number"), run.cell("seal", "/number")),
        (Cell("Verdict"), run.cell("seal", "/verdict")),
        (Cell("Stage of the verdict"), run.cell("seal", "/stage")),
        (Cell("Digest of the verdict"), run.cell("seal", "/digest")),
        (Cell("Signed off by"), signed if run.has("seal", "/signed_off_by") else unsigned),
    )
    return Table("Seals", _WHAT, rows)


def environment(run: RunData) -> Iterator[Block]:
    """Yield Python, platform and the version of every package."""
    if not run.has("environment"):
        yield absent(run, "environment")
        return
    yield Prose(
        f"{run.get('environment', '/python/implementation')} "
        f"{run.get('environment', '/python/version')} on "
        f"{run.get('environment', '/platform/system')} "
        f"{run.get('environment', '/platform/machine')}."
    )
    rows = tuple(
        (Cell(name), run.cell("environment", pointer("packages", name)))
        for name in run.get("environment", "/packages")
    )
    yield Table("Packages", (Column("Package"), Column("Version")), rows)
