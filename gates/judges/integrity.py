"""Baseline integrity: the incumbent's own weight sum, wages, SSI and SNAP are plausible."""

from __future__ import annotations

from gates.inputs import JudgeInputs, NotJudged
from gates.integrity import check_bands
from gates.judging import Measurement
from gates.policy import Gate


def judge_integrity(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Count the figures of the incumbent outside the bands in its manifest; none may be.

    A missing band or figure is `unmeasured`, unless another figure is already outside.
    """
    manifest = inputs.record("baseline")
    bands = check_bands(manifest, inputs.incumbent_record())
    if bands.unchecked and not bands.broken:
        raise NotJudged(
            "unmeasured",
            f"{manifest['id']}: {'; '.join(bands.unchecked)}",
            "state the sanity_bands in the incumbent's manifest, and measure it again",
        )
    broken = "; ".join(map(str, bands.broken))
    return Measurement(
        value=len(bands.broken),
        message=broken or f"{len(bands.checked)} figures of {manifest['id']} are in their bands",
        details=(*map(str, bands.checked), *bands.unchecked),
        remedy="compare with a sound incumbent" if broken else "",
    )
