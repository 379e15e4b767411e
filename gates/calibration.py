"""What the candidate says it was calibrated on, against what the suite holds out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gates.inputs import JudgeInputs, NotJudged


def calibration_notes(inputs: JudgeInputs, *, required: bool) -> tuple[str, ...]:
    """Return what is noteworthy in the candidate's manifest, one line each.

    Raises NotJudged: `error` for a manifest that is unreadable, of another file, or says that the
    candidate was calibrated on a held-out group; `unmeasured` for an absent one where `required`.
    """
    try:
        manifest = inputs.record("candidate_manifest")
    except NotJudged as absent:
        if required or absent.status == "error":
            raise
        return (absent.message,)
    _require_own(manifest, inputs.candidate["sha256"])
    _require_disjoint(manifest, inputs.record("suite"))
    if required and (manifest["suite"] or {}).get("sha256") != inputs.evidence()["suite"]["sha256"]:
        raise NotJudged(
            "unmeasured",
            "the candidate was not calibrated with this suite's split, so its groups tell nothing",
            "build the candidate with the suite that it is judged by",
        )
    return tuple(_other_pins(manifest, inputs.evidence()))


def _require_own(manifest: Mapping[str, Any], sha256: str | None) -> None:
    described = manifest["h5"]["sha256"]
    if described != sha256:
        raise NotJudged(
            "error",
            f"the candidate's manifest describes {described[:12]}, "
            f"the candidate is {(sha256 or 'unknown')[:12]}",
            "put the manifest that was written with this file beside it",
        )


def _require_disjoint(manifest: Mapping[str, Any], suite: Mapping[str, Any]) -> None:
    held = {group for each in suite["held_out"] for group in each["groups"]}
    # What tells of a held-out group is as forbidden as the group itself.
    telling = [set(related) for related in suite["leak_sets"] if held & set(related)]
    both = sorted(held.union(*telling) & set(manifest["target_groups"]["calibrated"]))
    if both:
        raise NotJudged(
            "error",
            f"the candidate was calibrated on held-out groups: {', '.join(both)}",
            "calibrate to the suite's training groups only, and build again",
        )


def _other_pins(manifest: Mapping[str, Any], evidence: Mapping[str, Any]) -> Iterator[str]:
    for key in ("suite", "target_db"):
        named = manifest[key]
        if named is None:
            yield f"the candidate's manifest names no {key}"
        elif named["sha256"] != evidence[key]["sha256"]:
            yield (
                f"the candidate was calibrated with another {key}: {named['id']} "
                f"{named['sha256'][:12]}, measured with {evidence[key]['id']} "
                f"{evidence[key]['sha256'][:12]}"
            )
