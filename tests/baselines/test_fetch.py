"""Fetch: only the pinned content, from the pinned revision, enters the store."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from baselines import store
from baselines.fetch import fetch
from baselines.freeze import freeze_file
from baselines.registry import load_baseline
from schemas.errors import BaselineError
from tests.baselines.hub import Hub, serving
from tests.baselines.samples import BASELINE, BUILT, LOCAL, REVISION, make_h5

pytestmark = pytest.mark.network
PATH = f"/policyengine/policyengine-us-data/resolve/{REVISION}/enhanced_cps_2024.h5"


@pytest.fixture
def hub(room: Path, h5: Path) -> Hub:
    """Return a hub that offers the pinned content at the pinned revision."""
    freeze_file(BASELINE, h5)
    body = h5.read_bytes()
    etag = hashlib.sha256(body).hexdigest()
    return Hub(PATH, body, REVISION, etag, linked_size=len(body))


def refused(hub: Hub) -> BaselineError:
    """Fetch from the hub and return the refusal; nothing at all may be left in the store."""
    with serving(hub), pytest.raises(BaselineError) as caught:
        fetch(BASELINE, endpoint=hub.endpoint)
    assert [each for each in store.cache_dir().rglob("*") if each.is_file()] == []
    assert store.baseline_path(BASELINE) is None
    return caught.value


def downloads(hub: Hub) -> int:
    """Return how often the file's content was asked for."""
    return sum(command == "GET" for command, _ in hub.requested)


def test_the_pinned_file_arrives_from_the_pinned_revision(hub: Hub) -> None:
    with serving(hub):
        path = fetch(BASELINE, endpoint=hub.endpoint)
    assert path == store.cache_dir() / "baselines" / BASELINE / "enhanced_cps_2024.h5"
    assert path.read_bytes() == hub.body
    assert {asked for _, asked in hub.requested} == {PATH}
    assert store.baseline_path(BASELINE) == path


def test_a_file_that_is_here_is_not_asked_for_again(hub: Hub) -> None:
    with serving(hub):
        fetch(BASELINE, endpoint=hub.endpoint)
        hub.requested.clear()
        fetch(BASELINE, endpoint=hub.endpoint)
    assert hub.requested == []


def test_a_stored_file_that_was_changed_is_downloaded_again(hub: Hub) -> None:
    with serving(hub):
        path = fetch(BASELINE, endpoint=hub.endpoint)
        path.write_bytes(b"other")
        assert store.baseline_path(BASELINE) is None
        assert fetch(BASELINE, endpoint=hub.endpoint).read_bytes() == hub.body


def test_other_content_under_the_pinned_etag_is_refused(hub: Hub, tmp_path: Path) -> None:
    body = bytearray(hub.body)
    body[-1] ^= 1
    error = refused(replace(hub, body=bytes(body)))
    assert error.reason == "baseline.mismatch"
    assert hub.etag in str(error)
    assert hashlib.sha256(body).hexdigest() in str(error)


@pytest.mark.parametrize(
    ("offer", "named"),
    [
        ({"etag": "f" * 64}, "h5_sha256"),
        ({"linked_size": 7}, "h5_size_bytes"),
        ({"commit": "9" * 40}, "h5_revision"),
    ],
)
def test_what_the_hub_announces_is_refused_before_a_download(
    hub: Hub, offer: dict[str, Any], named: str
) -> None:
    other = replace(hub, **offer)
    error = refused(other)
    assert error.reason == "baseline.mismatch"
    assert named in str(error)
    assert downloads(other) == 0


def test_a_hub_without_the_file_says_not_found(hub: Hub) -> None:
    error = refused(replace(hub, path="/elsewhere"))
    assert error.reason == "baseline.not_found"
    assert REVISION in str(error)
    assert "--from FILE" in error.remedy


def test_a_hub_that_is_down_says_unreachable(hub: Hub) -> None:
    with serving(hub):
        endpoint = hub.endpoint
    with pytest.raises(BaselineError, match="can't be reached") as caught:
        fetch(BASELINE, endpoint=endpoint)
    assert caught.value.reason == "baseline.unreachable"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("declared", [None, 100])
def test_a_download_that_breaks_off_leaves_nothing(
    hub: Hub, declared: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    cut = replace(hub, sends=100, declares=declared)
    error = refused(cut)
    assert error.reason == "baseline.broken_download"
    assert downloads(cut) >= 1


def test_no_login_is_sent_to_another_endpoint(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_not_a_real_one")
    with serving(hub):
        fetch(BASELINE, endpoint=hub.endpoint)
    assert set(hub.authorization) == {None}


def test_an_incumbent_built_here_names_the_command_that_builds_it(room: Path) -> None:
    with pytest.raises(BaselineError) as caught:
        fetch(BUILT)
    assert caught.value.reason == "baseline.built_here"
    assert "mpgate build incumbent --out FILE" in str(caught.value)


def test_an_incumbent_built_here_is_returned_once_it_is_in_the_store(room: Path, h5: Path) -> None:
    freeze_file(BUILT, h5)
    kept = store.adopt(BUILT, h5)
    assert fetch(BUILT) == kept


def test_an_unpinned_incumbent_says_why_it_is_unpinned(room: Path) -> None:
    with pytest.raises(BaselineError, match="missing h5_sha256") as caught:
        fetch(LOCAL)
    assert load_baseline(LOCAL)["unknown"]["h5_sha256"] in str(caught.value)


def test_a_pinned_file_nobody_published_asks_for_a_copy(room: Path, h5: Path) -> None:
    frozen = "ecps-2024-frozen-20260606"
    freeze_file(frozen, h5)
    with pytest.raises(BaselineError, match=r"missing h5_revision .*h5_uri") as caught:
        fetch(frozen)
    assert f"mpgate baseline fetch {frozen} --from FILE" in caught.value.remedy
    assert store.adopt(frozen, h5).read_bytes() == h5.read_bytes()
    assert store.baseline_path(frozen) is not None


def test_a_local_copy_of_other_content_is_not_adopted(hub: Hub, tmp_path: Path) -> None:
    other = make_h5(tmp_path / "other.h5", income=11.0)
    with pytest.raises(BaselineError, match=r"enhanced_cps_2024\.h5 is not ecps-2024"):
        store.adopt(BASELINE, other)
    assert store.baseline_path(BASELINE) is None
    with pytest.raises(BaselineError, match="can't be copied"):
        store.adopt(BASELINE, tmp_path / "absent.h5")
