"""The verdict on one page of Markdown, and as at most ten annotations, for GitHub.

GitHub cuts a step summary at 1 MiB and shows ten annotations of a kind per step; both are kept
here, so that nothing is lost in silence: what is left out is counted.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from dashboard.blocks import Link
from dashboard.escaping import markdown, workflow_data, workflow_property
from dashboard.run_data import GATING_LOSS, RunData, pointer
from dashboard.units import shown, words
from dashboard.views.compare_facts import COMPARABLE, OF_LOSSES, Pair
from dashboard.views.verdicts import (
    PASSING,
    RESULTS,
    GateRow,
    gate_limit,
    gate_margin,
    gate_rows,
    gate_value,
    other_stage,
    verdict_words,
    worst_first,
)

MOST_BYTES = 500_000  # of a summary: under half of what GitHub takes
MOST_ANNOTATIONS = 10
_SHARES = {
    "blocking": 0.5,
    "others": 0.15,
    "waived": 0.15,
    "changes": 0.15,
}  # of the bytes, for each table
_LONGEST = 300
_HEADLINES = (
    ("Broad loss", f"/losses/{GATING_LOSS}/candidate", f"/losses/{GATING_LOSS}/incumbent"),
    (
        "Held-out loss",
        f"/losses/{GATING_LOSS}/held_out/candidate",
        f"/losses/{GATING_LOSS}/held_out/incumbent",
    ),
)

Address = Callable[[Link], str | None]


def _nowhere(_: Link) -> str | None:
    return None


def summary_markdown(
    run: RunData,
    *,
    stage: str,
    previous: RunData | None = None,
    address: Address = _nowhere,
    heading: str = "",
    problem: str = "",
) -> str:
    """Return the verdict, what blocks (worst first), and what changed, in under `MOST_BYTES`.

    `address` gives the address of a page, None where there is none. `heading` says more of the
    run, such as that it is not the published candidate; `problem` is what is wrong with what is
    published. Every string of the records is escaped.
    """
    if not run.has(RESULTS):
        said = markdown(run.why_absent(RESULTS))
        return f"# {markdown(run.product)}: not judged\n\n{said}\n"
    rows = gate_rows(run, stage)
    parts = [*_head(run, stage, heading, problem), *_counts(run, rows)]
    if not run.has(RESULTS, "/error"):  # else every gate says no more than that
        waived = [row for row in rows if row.status == "waived"]
        parts += [
            *_losses(run),
            *_gate_table(run, "What blocks, worst first", worst_first(rows), address, "blocking"),
            *_gate_table(run, "Not passed, but not blocking", _others(rows), address, "others"),
            *_gate_table(run, "Waived: past the limit, and let pass", waived, address, "waived"),
            *_changes(run, previous, stage, problem),
        ]
    return "\n".join([*parts, *_links(run, stage, address)]) + "\n"


def annotations(run: RunData, *, stage: str) -> list[str]:
    """Return GitHub workflow commands for what does not pass, worst first; at most ten.

    A gate that blocks the stage is an error, any other failed one a warning. Where there are more,
    the tenth says how many. A file that could not be judged is one error, not one of each gate.
    """
    if not run.has(RESULTS):
        return [f"::error title=not judged::{_told(run.why_absent(RESULTS))}"]
    if error := run.get(RESULTS, "/error"):
        said = _told(f"{error['message']} What to do: {error['remedy']}")
        return [f"::error title=not judged::{said}"]
    rows = gate_rows(run, stage)
    found = [("error", row) for row in worst_first(rows)]
    found += [("warning", row) for row in _others(rows) if row.status in ("fail", "error")]
    if len(found) <= MOST_ANNOTATIONS:
        return [_annotation(run, level, row) for level, row in found]
    kept, left = found[: MOST_ANNOTATIONS - 1], found[MOST_ANNOTATIONS - 1 :]
    blocking = sum(level == "error" for level, _ in left)
    more = f"{len(left)} more gates do not pass, {blocking} of them blocking; see the summary"
    last = f"::{left[0][0]} title={len(left)} more gates::{more}"
    return [*(_annotation(run, level, row) for level, row in kept), last]


def _annotation(run: RunData, level: str, row: GateRow) -> str:
    title = workflow_property(_cut(f"{row.id}: {words(row.status)}"))
    numbers = "" if row.gate["value"] is None else f"{_numbers(run, row)}; "
    said = f"{row.gate['title']}: {numbers}{_finding(row)}"
    return f"::{level} title={title}::{_told(said)}"


def _told(text: str) -> str:
    """Return a text as the message of an annotation: one line, which is cut where it is long."""
    return workflow_data(_cut(text, 2 * _LONGEST))


def _cut(text: str, longest: int = _LONGEST) -> str:
    """Return a text in one line; of one that is too long the beginning, saying so."""
    line = " ".join(text.split())
    left = len(line) - longest
    return f"{line[:longest]} … ({left} more characters)" if left > 0 else line


def _finding(row: GateRow) -> str:
    """Return what was found; where the numbers alone would pass, why they do not pass as well."""
    found, why, margin = row.gate["message"], row.at["message"], row.at["margin"]
    if row.status == "waived":
        records = row.gate["exceptions"]
        signed = (each for each in row.gate["details"] if any(f" {r}: " in each for r in records))
        return "; ".join([found, *signed])
    hidden = margin is not None and margin >= 0 and why not in found
    return f"{found}; {why}" if hidden else str(found)


def _numbers(run: RunData, row: GateRow) -> str:
    cells = (gate_value(run, row), gate_limit(run, row), gate_margin(run, row))
    return "value {}, limit {}, margin {}".format(*(cell.text for cell in cells))


def _others(rows: Iterable[GateRow]) -> list[GateRow]:
    """Return the gates that do not pass and do not block, failures first."""
    order = {"error": 0, "fail": 0}
    found = [row for row in rows if not row.at["blocking"] and row.status not in PASSING]
    return sorted(found, key=lambda row: (order.get(row.status, 1), row.place))


def _head(run: RunData, stage: str, heading: str, problem: str) -> Iterator[str]:
    yield f"# {markdown(run.product)}, stage {stage}: {markdown(verdict_words(run, stage))}"
    other = other_stage(stage)
    yield f"\nStage {other}: {markdown(verdict_words(run, other))}.\n"
    if heading:
        yield f"**{markdown(heading)}**\n"
    if problem:
        yield f"**About what is published: {markdown(problem, 2 * _LONGEST)}**\n"
    if error := run.get(RESULTS, "/error"):
        yield f"**{markdown(error['message'])}** What to do: {markdown(error['remedy'])}\n"
    decided = run.get(RESULTS, "/decision")
    said = f"{words(decided['decision'])}. {decided['statement']}"
    yield f"Decision for stage {decided['stage']}: {markdown(said, 2 * _LONGEST)}\n"
    sides = " ".join(_side(run, side) for side in ("candidate", "incumbent"))
    digest = run.get("bundle", "/digest")
    sealed = f"bundle {digest[:12]}" if digest else "not sealed"
    yield f"{sides} Run {markdown(run.run_id)}, {sealed}.\n"


def _side(run: RunData, side: str) -> str:
    found = run.get(RESULTS, pointer(side))
    digest = f" (sha256 {found['sha256'][:12]})" if found["sha256"] else ""
    return f"{side.capitalize()}: {markdown(found['label'])}{digest}."


def _counts(run: RunData, rows: Sequence[GateRow]) -> Iterator[str]:
    """Yield how many gates have each status, and which were left out of the run."""
    counts = Counter(str(row.status) for row in rows)
    said = ", ".join(f"{count} {words(status)}" for status, count in counts.most_common())
    yield f"{len(rows)} gates: {said or 'none judged'}.\n"
    if left_out := run.get(RESULTS, "/deselected"):
        yield f"{len(left_out)} gates were left out: {markdown(', '.join(left_out))}.\n"


def _losses(run: RunData) -> Iterator[str]:
    """Yield the losses of candidate and incumbent, and how many targets each is nearer to."""
    if not run.has("loss"):
        yield f"Losses: {markdown(run.why_absent('loss'))}.\n"
        return
    yield "| lower is better | candidate | incumbent |\n|---|--:|--:|"
    for name, ours, theirs in _HEADLINES:
        cells = (markdown(run.cell("loss", at, "loss").text) for at in (ours, theirs))
        yield f"| {name} | {' | '.join(cells)} |"
    won, lost, tied = (
        run.cell("loss", at, "number").text for at in ("/wins", "/losses_count", "/ties")
    )
    yield f"\nTargets: {won} won, {lost} lost, {tied} tied.\n"


def _gate_table(
    run: RunData, title: str, rows: Sequence[GateRow], address: Address, share: str
) -> Iterator[str]:
    if not rows:
        return
    yield f"## {title} ({len(rows)})\n"
    yield "| gate | status | value | limit | margin | finding |\n|---|---|--:|--:|--:|---|"
    yield from _fitting((_gate_line(run, row, address) for row in rows), len(rows), share)
    yield ""


def _gate_line(run: RunData, row: GateRow, address: Address) -> str:
    link = Link("gate", {"run": run.key, "gate": row.id, "stage": row.stage})
    at, name = address(link), markdown(row.id)
    cells = (gate_value(run, row), gate_limit(run, row), gate_margin(run, row))
    numbers = " | ".join(markdown(cell.text) for cell in cells)
    named = f"[{name}]({at})" if at else name
    finding = markdown(f"{row.gate['title']}: {_finding(row)}", 2 * _LONGEST)
    return f"| {named} | {words(row.status)} | {numbers} | {finding} |"


def _fitting(lines: Iterable[str], count: int, share: str) -> Iterator[str]:
    """Yield lines up to a share of the bytes, then one that says how many were left out."""
    left = int(MOST_BYTES * _SHARES[share])
    for place, line in enumerate(lines):
        left -= len(line.encode()) + 1
        if left < 0:
            yield f"\n{count - place} more rows were left out here; the records hold all {count}."
            return
        yield line


def _changes(run: RunData, previous: RunData | None, stage: str, problem: str) -> Iterator[str]:
    yield "## What changed since the previous candidate\n"
    if previous is None or not previous.has(RESULTS):
        unknown = "Unknown; why is said at the top, about what is published."
        yield f"{unknown if problem else 'No earlier candidate is published and indexed.'}\n"
        return
    yield f"Previous: run {markdown(previous.run_id)}.\n"
    pair = Pair(previous, run)
    if doubt := pair.differs(COMPARABLE):
        yield f"Not comparable throughout: {markdown(doubt)}.\n"
    if not pair.differs(OF_LOSSES):
        yield from _loss_change(run, previous)
    changed = _changed(run, previous, stage)
    if not changed:
        yield "No gate has another status than before.\n"
        return
    yield "| gate | before | now |\n|---|---|---|"
    lines = (f"| {markdown(gate)} | {old} | {new} |" for gate, old, new in changed)
    yield from _fitting(lines, len(changed), "changes")
    yield ""


def _loss_change(run: RunData, previous: RunData) -> Iterator[str]:
    """Yield how the broad loss moved; nothing where either run lacks it."""
    now, before = (each.get("loss", _HEADLINES[0][1]) for each in (run, previous))
    if now is not None and before is not None:
        moved = shown(now - before, "loss", signed=True)
        yield f"Broad loss {shown(before, 'loss')} before, {shown(now, 'loss')} now ({moved}).\n"


def _changed(run: RunData, previous: RunData, stage: str) -> list[tuple[str, str, str]]:
    """Return gate, status before and now where they differ; those that no longer pass first."""
    now = {row.id: str(row.status) for row in gate_rows(run, stage)}
    before = {row.id: str(row.status) for row in gate_rows(previous, stage)}
    found = [
        (gate, before.get(gate, "not judged"), now.get(gate, "not judged"))
        for gate in dict.fromkeys([*now, *before])
        if now.get(gate) != before.get(gate)
    ]
    found.sort(key=lambda each: each[2] in PASSING)
    return [(gate, words(old), words(new)) for gate, old, new in found]


def _links(run: RunData, stage: str, address: Address) -> Iterator[str]:
    """Yield links to the pages that have an address."""
    pages = ("readiness", "gate", "targets", "microsim", "artifacts", "history")
    found = (
        (page, address(Link(page, {"run": run.key, "stage": stage} if page != "history" else {})))
        for page in pages
    )
    links = [f"[{page}]({at})" for page, at in found if at]
    if links:
        yield f"Pages: {', '.join(links)}\n"
    else:  # GitHub would look for a relative address on its own site
        yield "The reasons, gate by gate: open index.html of the exported dashboard.\n"
