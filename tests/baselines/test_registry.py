"""The incumbents on record: real pins, reasons for every pin nobody knows."""

import json
from pathlib import Path
from typing import Any

import pytest

from baselines import registry
from baselines.registry import list_baselines, load_baseline, require_comparable
from schemas.errors import BaselineError, RecordError
from tests.baselines.samples import BASELINE, BUILT, LOCAL

# Published identities, as quoted in the reference notes on the incumbents.
PUBLISHED: dict[str, dict[str, Any]] = {
    "ecps-2024-1.115.5": {
        "h5_sha256": "0a6b961ad363a421bde99f2c8e5d8f20370bcba45fd303050537a25bdd805b14",
        "h5_revision": "21280dca5995e978d706740a8a4b9b7860cfd7b6",
        "h5_uri": "hf://policyengine/policyengine-us-data/enhanced_cps_2024.h5",
        "policyengine_us": "1.700.0",
    },
    "ecps-2024-frozen-20260606": {
        "h5_sha256": "7af7026224f84cb6a91743fd8fa7ac506bad8c78e011fa58b6901894db4b4290",
        "h5_size_bytes": 29_194_648,
        "policyengine_us": "1.715.2",
        "data_repo_commit": "f7458313c86fa580fb1e43a2f18252d67cf76e4a",
        "target_db_sha256": "5d14671156c36cd7fff680d5c4d77ec7fb2026ea866b1e12378d9e9c9fb803dc",
        "target_db_size_bytes": 1_073_152,
        "h5_revision": None,
    },
    "populace-us-2024-spm-20260909": {
        "h5_sha256": "6496cc4393d4d3c6574f76eca231de5898c803b9067645591fd5c4d3e65aee84",
        "h5_revision": "populace-us-2024-spm-20260909",
        "h5_uri": "hf://datasets/policyengine/populace-us/populace_us_2024.h5",
    },
}
PRODUCTS = {
    "ecps-2024-1.115.5": "mp-national",
    "ecps-2024-frozen-20260606": "mp-national",
    "pe-local-big-l0": "mp-local-rich",
    "pe-local-small-l0": "mp-local-fast",
    "populace-us-2024-spm-20260909": "mp-national",
    "psl-cps-2024": "mp-national",
}


@pytest.mark.parametrize("baseline_id", PUBLISHED)
def test_published_pins_are_quoted_exactly(baseline_id: str) -> None:
    pins = load_baseline(baseline_id)["pins"]
    assert {name: pins[name] for name in PUBLISHED[baseline_id]} == PUBLISHED[baseline_id]


def test_every_incumbent_is_listed_with_its_product() -> None:
    assert {each["id"]: each["product"] for each in list_baselines()} == PRODUCTS


def test_the_embedded_incumbent_is_not_release_eligible_and_says_why() -> None:
    manifest = load_baseline(BUILT)
    assert manifest["release_eligible"] is False
    assert "demonstration" in manifest["release_eligible_reason"]


def test_an_unknown_id_names_the_known_ones() -> None:
    with pytest.raises(BaselineError, match=f"{BASELINE}.*{BUILT}") as caught:
        load_baseline("ecps")
    assert caught.value.reason == "baseline.unknown_id"


def test_a_path_is_not_an_id() -> None:
    with pytest.raises(BaselineError, match="no incumbent is called"):
        load_baseline("../manifests/psl-cps-2024")


@pytest.mark.parametrize("baseline_id", ["pe-local-big-l0", "pe-local-small-l0"])
def test_an_unidentified_local_incumbent_cannot_be_compared(baseline_id: str) -> None:
    manifest = load_baseline(baseline_id)
    with pytest.raises(BaselineError) as caught:
        require_comparable(manifest)
    assert caught.value.reason == "baseline.not_comparable"
    for part in ("h5_sha256", "local.objective", manifest["unknown"]["h5_sha256"]):
        assert part in str(caught.value)


def test_a_local_incumbent_with_a_file_but_no_objective_cannot_be_compared() -> None:
    manifest = load_baseline(LOCAL)
    manifest["pins"]["h5_sha256"] = "a" * 64
    with pytest.raises(BaselineError, match=r"missing local\.objective"):
        require_comparable(manifest)


@pytest.mark.parametrize("baseline_id", PUBLISHED)
def test_a_pinned_incumbent_can_be_compared(baseline_id: str) -> None:
    manifest = load_baseline(baseline_id)
    require_comparable(manifest)
    manifest["pins"]["h5_sha256"], manifest["unknown"]["h5_sha256"] = None, "lost"
    with pytest.raises(BaselineError, match=r"missing h5_sha256 \(lost\)"):
        require_comparable(manifest)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "other"}, "its id is other"),
        ({"unknown": {}}, "h5_size_bytes is null without a reason"),
        ({"release_eligible": False}, "says no reason"),
    ],
)
def test_an_inconsistent_manifest_is_refused(
    room: Path, change: dict[str, Any], message: str
) -> None:
    _rewrite(BASELINE, change)
    with pytest.raises(BaselineError, match=message):
        load_baseline(BASELINE)


def test_a_reason_for_a_pin_that_has_a_value_is_refused(room: Path) -> None:
    manifest = load_baseline(BASELINE)
    _rewrite(BASELINE, {"unknown": {**manifest["unknown"], "h5_uri": "lost"}})
    with pytest.raises(BaselineError, match="unknown names h5_uri, which has a value"):
        load_baseline(BASELINE)


def test_a_file_label_that_leaves_the_store_is_refused(room: Path) -> None:
    pins = load_baseline(BASELINE)["pins"]
    _rewrite(BASELINE, {"pins": {**pins, "h5_filename": "../../escape.h5"}})
    with pytest.raises(BaselineError, match="isn't a plain file name"):
        load_baseline(BASELINE)


def test_an_unknown_key_is_refused(room: Path) -> None:
    _rewrite(BASELINE, {"note": "free text"})
    with pytest.raises(RecordError, match="note"):
        load_baseline(BASELINE)


def _rewrite(baseline_id: str, change: dict[str, Any]) -> None:
    path = registry.manifest_path(baseline_id)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
