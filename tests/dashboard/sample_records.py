"""The other records of a sample run: what a build and the measuring step leave beside evidence."""

from __future__ import annotations

import copy
import sqlite3
import tempfile
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from baselines.registry import load_baseline
from baselines.targets import target_db_identity
from benchmarks.external import compare_external
from benchmarks.scoring.scheme import HELD_OUT, TRAIN
from benchmarks.suite import Suite
from gates.contract.run import contract_findings
from schemas.canonical import sha256_bytes, sha256_file
from schemas.dataset import open_dataset
from schemas.logical import dataset_hashes, subject
from schemas.storage import storage_record
from tests.gates.fakes import loader_of, small_file
from tests.gates.runtimes import runtime_of

Record = dict[str, Any]
NOTES = "notes.txt"
LOTS = "capital-gains-lots.sqlite"


@dataclass(frozen=True)
class Base:
    """The small sound file that every sample candidate is made from, with what was found in it."""

    h5: bytes
    extensions: Mapping[str, bytes]
    subject: Record
    storage: Record
    contract: Record
    loader: Record


@cache
def base() -> Base:
    """Return the file and its records, made once."""
    with tempfile.TemporaryDirectory() as folder:
        file = small_file(Path(folder) / "candidate.h5")
        with closing(sqlite3.connect(file.with_name(LOTS))) as connection:
            connection.executescript("CREATE TABLE lots(basis); INSERT INTO lots VALUES (1)")
        file.with_name(NOTES).write_text("a note that is no table\n" * 40)
        dataset = open_dataset(file)
        hashes = dataset_hashes(dataset)
        extensions = {name: file.with_name(name).read_bytes() for name in (LOTS, NOTES)}
        listed = [_extension(file.with_name(name)) for name in extensions]
        return Base(
            file.read_bytes(),
            extensions,
            subject(dataset, hashes),
            storage_record(file, hashes, listed),
            contract_findings(dataset, hashes),
            loader_of(file),
        )


def _extension(file: Path) -> Record:
    kind = "sqlite" if file.suffix == ".sqlite" else "csv"
    size = file.stat().st_size
    identity = {"sha256": sha256_file(file), "size_bytes": size, "format": kind}
    return {"id": file.stem, "file": file.name, **identity}


def candidate_bytes(name: str, seed: int) -> bytes:
    """Return the candidate's H5: the small file, with bytes after its end that make it this one."""
    return base().h5 + f"\n{name} {seed}\n".encode()


def candidate_subject(h5: bytes, label: str) -> Record:
    """Return the identity block of a candidate with these bytes."""
    found = {**base().subject, "label": label, "sha256": sha256_bytes(h5)}
    logical = sha256_bytes(f"logical {found['sha256']}".encode())
    return {**found, "size_bytes": len(h5), "logical_sha256": logical}


def baseline(incumbent: str, eligible: bool | None, failing: Collection[str]) -> Record:
    """Return the incumbent's own manifest; what of the file and its bands is unknown is filled."""
    known = copy.deepcopy(dict(load_baseline("psl-cps-2024")))
    record = {**copy.deepcopy(dict(load_baseline(incumbent)))}
    pins = {name: value for name, value in record["pins"].items() if value is not None}
    standing = {"h5_sha256": sha256_bytes(incumbent.encode()), "h5_size_bytes": 462_913}
    record["pins"] = {**known["pins"], **standing, **pins}
    record["sanity_bands"] = known["sanity_bands"]
    if incumbent == known["id"]:
        record["pins"] = known["pins"]
    record["pins"]["policyengine_us"] = known["pins"]["policyengine_us"]
    record["pins"]["target_db_sha256"] = target_db_identity()["sha256"]
    if "size.h5" in failing:
        record["pins"]["h5_size_bytes"] = len(base().h5) // 3
    if eligible is not None:
        record["release_eligible"] = eligible
    return record


def manifest(suite: Suite, identity: Mapping[str, Any], product: str, label: str) -> Record:
    """Return the manifest of a candidate that was calibrated to the suite's training groups."""
    h5 = {key: value for key, value in identity.items() if key not in ("label", "logical_bytes")}
    absent = "absent: asecpub25csv.zip is not in the cache, and this build is offline"
    return {
        "schema": "candidate_manifest",
        "schema_version": 1,
        "product": product,
        "label": label,
        "h5": {"file": "candidate.h5", **h5},
        "builder": {"version": "0.1.0", "commit": None, "config_sha256": "0" * 64},
        "sources": [
            {"id": "psl-cps.cps.csv.gz", "sha256": "4" * 64, "size_bytes": 9_851_074},
            {"id": "cps-asec-2025", "sha256": None, "size_bytes": None, "absent_reason": absent},
        ],
        "source_semantics": ["psl-cps"],
        "donor_specs": ["soi-size-2024"],
        "target_db": target_db_identity(),
        "suite": {"id": suite.id, "sha256": suite.sha256},
        "target_groups": {
            "calibrated": sorted(suite.groups_of(TRAIN)),
            "held_out": sorted(suite.groups_of(HELD_OUT)),
        },
        "record_counts": {"household": 102, "person": 204, "tax_unit": 102},
        "relational_extensions": [
            {
                "id": Path(name).stem,
                "file": name,
                "sha256": sha256_bytes(data),
                "size_bytes": len(data),
                "format": "sqlite" if name == LOTS else "csv",
            }
            for name, data in base().extensions.items()
        ],
        "calibration": {"best_epoch": 40, "initial_loss": 0.21, "final_loss": 0.11},
    }


def storage(identity: Mapping[str, Any]) -> Record:
    """Return how much room a candidate and its two extensions take."""
    sizes = {"stored_bytes": identity["size_bytes"], "logical_bytes": identity["logical_bytes"]}
    return {**base().storage, "subject": {"sha256": identity["sha256"]}, "h5": sizes}


def contract(
    identity: Mapping[str, Any], failing: Collection[str], errors: Collection[str]
) -> Record:
    """Return the contract findings; a check that fails has examples, one in error says why."""
    record = copy.deepcopy(base().contract)
    record["subject"] = dict(identity)
    for check in record["checks"]:
        if f"contract.{check['id']}" in failing:
            found = f"3 violations of {check['id']}: household_net_income is stored"
            check |= {"count": 3, "message": found, "remedy": "leave the column out of the file"}
            check["examples"] = ["household_net_income", "spm_unit_net_income", "a|b <i>c</i>"]
        if f"contract.{check['id']}" in errors:
            check |= {"error": "the check broke down: ValueError: no such column"}
    return record


def loader(identity: Mapping[str, Any], failing: Collection[str]) -> Record:
    """Return the loader smoke record; where it must fail, the engine refused the file."""
    record = copy.deepcopy(base().loader)
    record["subject"] = dict(identity)
    record |= dict.fromkeys(("sha256_before", "loaded_sha256", "sha256_after"), identity["sha256"])
    if "contract.loader" in failing:
        record["error"] = {
            "reason": "engine.refused",
            "message": "the engine could not read person_id",
            "remedy": "store integer ids",
        }
    return record


def runtime(ours: str, theirs: Mapping[str, Any], middle: float, seed: int) -> Record:
    """Return five interleaved pairs around a median ratio; every pair has its own seconds."""
    random = np.random.default_rng(seed)
    ratios = [middle * (1 + step) for step in (-0.02, 0.01, 0.0, -0.01, 0.02)]
    record = runtime_of(ours, theirs["pins"]["h5_sha256"], ratios, 0.03 * middle)
    record["incumbent"]["id"] = theirs["id"]
    record["pairs"] = [
        {
            "order": ("candidate_first", "incumbent_first")[place % 2],
            "candidate": _sample(ratio * seconds),
            "incumbent": _sample(seconds),
            "ratio": ratio,
        }
        for place, (ratio, seconds) in enumerate(
            zip(ratios, random.uniform(9.5, 10.5, len(ratios)), strict=True)
        )
    ]
    return record


def _sample(seconds: float) -> Record:
    parts = {"load": 0.1 * seconds, "benefits": 0.9 * seconds}
    figures = {"import_s": 30.0, "total_s": seconds, "cpu_s": seconds, "peak_rss_gb": 2.5}
    return {**figures, "workloads": parts, "workloads_cpu": parts}


def external(evidence: Mapping[str, Any]) -> Record:
    """Return a supplied external record held against an evidence: one value within, one not."""
    name = "ssi-asset-limits-10k-20k-2026"
    effect = next(each for each in evidence["benchmarks"] if each["id"] == name)["delta"]
    tolerance = {"relative": 0.1, "absolute": 0.0}
    values = [
        {"benchmark": name, "measure": measure, "value": factor * effect[measure]}
        | {"tolerance": tolerance}
        for measure, factor in (("ssi", 1.02), ("ssi_recipients", 1.6))
    ]
    return {
        "schema": "external_comparison",
        "schema_version": 1,
        "subject": {"sha256": evidence["subject"]["sha256"]},
        "id": "tara-watson-ssi-asset-limits",
        "source": "estimates supplied in a letter",
        "supplied_by": "the benefits team",
        "supplied_on": "2026-11-20",
        "rows": compare_external({"values": values}, evidence),
    }


def cross_engine(evidence: Mapping[str, Any]) -> Record:
    """Return what a second engine makes of the same tax units: two taxes, parts that add up."""
    share = {"within_1": 0.52, "within_10": 0.75, "within_100": 0.9}
    share |= {"correlation": 0.999, "rank_correlation": None}
    return {
        "schema": "cross_engine",
        "schema_version": 1,
        "subject": evidence["subject"],
        "engine": evidence["engine"],
        "other": {"name": "taxcalc", "version": "6.8.0"},
        "code_sha256": "c" * 64,
        "caveat": "an error in the common inputs is not seen by comparing two engines",
        "tax_units": 102,
        "taxes": [
            _tax("income", "Federal income tax", 1687e9, {"tax_credits": 31e9}, 12e9, share),
            _tax("payroll", "Payroll tax", 1302e9, {}, -0.4e9, share),
        ],
        "run": {},
    }


def _tax(
    name: str, title: str, total: float, parts: Mapping[str, float], rest: float, share: Record
) -> Record:
    difference = sum(parts.values()) + rest
    reason = "the other engine does not model it"
    return {
        "id": name,
        "title": title,
        "engine_total": total,
        "other_total": total - difference,
        "difference": difference,
        "parts": [
            {"id": each, "title": "Credits of one engine only", "reason": reason, "value": value}
            for each, value in parts.items()
        ],
        "unexplained": rest,
        "unexplained_gross": abs(rest) * 1.5,
        "remaining": [{"component": "amt", "tax_units": 3, "value": rest}],
        "agreement": {"as_calculated": share, "same_scope": share},
        "largest": [{"tax_unit_id": 7, "engine": 12_000.0, "remaining": 800.0}],
    }
