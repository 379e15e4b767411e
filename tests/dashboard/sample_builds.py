"""What a build leaves beside its candidate: configuration, sources, stages, calibration, donors."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.suite import Suite
from schemas.canonical import sha256_json
from schemas.records import write_record
from tests.gates.bundles import smallest

STAGES = ("sources", "spine", "donors", "fixed_spine", "simulate", "calibrate", "export")
_ABSENT = {
    "reason": "source.not_available",
    "message": "asecpub25csv.zip is not in the cache, and this build is offline",
    "remedy": "build with a network, or give a path of an own copy",
}


def write_build(run: Path, suite: Suite, product: str, seed: int, *, curves: bool) -> None:
    """Write the files of a build into a run folder; `curves` false leaves a required one out."""
    write_record(run / "config.json", smallest("national_build"), "national_build")
    write_record(run / "sources.json", sources(), "source_report")
    write_record(run / "stages.json", stages(seed), "build_stages")
    report = calibration(suite, product, seed)
    write_record(run / "calibration" / "report.json", report, "calibration_report")
    if curves:
        with (run / "calibration" / "curves.csv").open("w", newline="") as stream:
            table = csv.DictWriter(stream, sorted(report["curves"][0]), lineterminator="\n")
            table.writeheader()
            table.writerows(report["curves"])
    (run / "donors").mkdir()
    donor = {"id": "soi-size-2024", "groups": ["irs_soi_agi_by_agi"]}
    (run / "donors" / "soi-size-2024.json").write_text(json.dumps(donor) + "\n")


def sources() -> dict[str, Any]:
    """Return the report of one source that was there, one that was not and one refused."""
    none = {"reason": None, "message": None, "remedy": None}
    file = {"name": "cps.csv.gz", "sha256": "4" * 64, "size_bytes": 9_851_074, "url": None}
    refused = {"reason": "source.sha256", "message": "the file is another one", "remedy": None}
    return {
        "schema": "source_report",
        "schema_version": 1,
        "offline": True,
        "sources": [
            _source("psl-cps", "Tax units of the CPS", "present", [file], none),
            _source("cps-asec-2025", "CPS ASEC 2025", "absent", [], _ABSENT),
            _source("scf-2022", "Survey of Consumer Finances 2022", "refused", [], refused),
        ],
    }


def _source(
    name: str, title: str, status: str, files: list[Any], why: dict[str, Any]
) -> dict[str, Any]:
    found = {"id": name, "title": title, "status": status, "files": files, **why}
    return {**found, "licence": "public domain (17 U.S.C. 105)"}


def stages(seed: int) -> dict[str, Any]:
    """Return the stages of a build with seconds, memory and disk of each; one was reused."""
    random = np.random.default_rng(seed)
    return {
        "schema": "build_stages",
        "schema_version": 1,
        "stages": [_stage(name, random) for name in STAGES],
    }


def _stage(name: str, random: np.random.Generator) -> dict[str, Any]:
    made_from: dict[str, Any] = {"id": name, "settings": {}, "code": [], "data": {}, "needs": {}}
    made_from["versions"] = {"python": "3.11.7"}
    wall = round(float(random.lognormal(2, 1)), 3)
    return {
        "id": name,
        "key": sha256_json(made_from),
        "reused": name == "spine",
        "corruption": "a file is shorter than its record says" if name == "donors" else None,
        "finished_at": "2026-11-25T11:00:00+00:00",
        "wall_s": wall,
        "cpu_s": round(0.9 * wall, 3),
        "peak_rss_bytes": int(random.integers(200, 6_000)) * 1_000_000,
        "predicted_bytes": 240_000_000,
        "written_bytes": int(random.integers(1, 90)) * 100_000,
        "scratch_bytes": 0,
        "files": [{"path": "frame.npz", "sha256": "5" * 64, "size_bytes": 2_362_958}],
        "facts": {"households": 102},
        "outputs_sha256": "6" * 64,
        "made_from": made_from,
    }


def calibration(suite: Suite, product: str, seed: int) -> dict[str, Any]:
    """Return the report of a calibration stopped by patience, with a curve of both phases."""
    random = np.random.default_rng(seed)
    groups = sorted({each.holdout_group for each in suite.targets})
    held = {name for each in suite.scheme.held_out for name in each.groups}
    curve = [_epoch(epoch, phase) for phase in ("search", "refit") for epoch in range(0, 81, 20)]
    initial, final = curve[0], curve[-1]
    sides = {"train": "train_loss", "validation": "validation_loss", "held_out": "held_out_loss"}
    settings = smallest("calibration_config") | {"product": product, "suite": suite.id}
    out = [each for each in suite.targets if each.holdout_group not in held][:2]
    return {
        "schema": "calibration_report",
        "schema_version": 1,
        "settings": settings,
        "settings_sha256": sha256_json(settings),
        "problem_sha256": "7" * 64,
        "targets": {"train": len(suite.targets) - 6, "validation": 2, "held_out": 4},
        "stopping": {
            "by": "validation",
            "reason": "patience",
            "epochs_run": 80,
            "best_epoch": 40,
            "refit_epochs": 40,
        },
        "losses": {
            "initial": {name: initial[key] for name, key in sides.items()},
            "final": {name: final[key] for name, key in sides.items()},
        },
        "weights": {
            "households": 102,
            "positive": 102,
            "kish_ess": 55.0,
            "ess_share": 55 / 102,
            "top_1pct_share": 0.06,
            "max_ratio": 5.0,
            "share_at_bounds": 0.017,
            "ratio_quantiles": dict(
                zip(
                    ("min", "p01", "p10", "p50", "p90", "p99", "max"),
                    (0.2, 0.25, 0.5, 0.86, 1.65, 4.9, 5.0),
                    strict=True,
                )
            ),
        },
        "out_of_reach": {
            "count": 2,
            "no_household_contributes": 1,
            "beyond_the_bounds": 1,
            "named": [
                {
                    "target_id": each.target_id,
                    "group": each.holdout_group,
                    "role": "train",
                    "why": why,
                    "value": each.value,
                    "lowest": 0.1 * each.value,
                    "highest": 0.5 * each.value,
                }
                for each, why in zip(
                    out, ("no_household_contributes", "beyond_the_bounds"), strict=True
                )
            ],
        },
        "groups": [
            {
                "group": name,
                "role": "held_out" if name in held else "train",
                "targets": sum(each.holdout_group == name for each in suite.targets),
                "median_error": {"before": 0.3, "after": round(float(random.uniform(0, 0.3)), 4)},
                "loss": {"before": 0.2, "after": round(float(random.uniform(0, 0.2)), 4)},
            }
            for name in groups
        ],
        "curves": curve,
        "notes": ["the validation groups are part of the fit in the second phase"],
    }


def _epoch(epoch: int, phase: str) -> dict[str, Any]:
    refit = phase == "refit"
    loss = 0.21 / (1 + epoch / 40) - (0.01 if refit else 0.0)
    return {
        "phase": phase,
        "epoch": epoch,
        "train_loss": loss,
        "validation_loss": None if refit else loss + 0.05,
        "held_out_loss": loss + 0.06,
        "criterion": None if refit else loss + 0.05,
        "ess_share": 0.74 - 0.002 * epoch,
        "max_ratio": 1 + epoch / 20,
        "share_at_bounds": 0.0002 * epoch,
        "positive": 102,
    }
