"""Downloads from a server on 127.0.0.1: whole and within limits, or nothing."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from source_publisher import Offer, Publisher, publishing

from builder.sources.display import shown_on
from builder.sources.download import NotOnOfferError, download
from builder.sources.protocol import silent
from schemas.errors import BuildError

pytestmark = pytest.mark.network
BODY = bytes(range(256)) * 40
PATH = "/file.zip"


def fetched(offer: Offer, target: Path, **limits: Any) -> Publisher:
    """Download one offer to `target` and return the server with what was asked of it."""
    settings: dict[str, Any] = {"largest_bytes": 1 << 20, "progress": silent, **limits}
    with publishing(Publisher({PATH: offer})) as publisher:
        try:
            download(publisher.endpoint + PATH, target, **settings)
        except BuildError as error:
            error.publisher = publisher  # type: ignore[attr-defined]
            raise
    return publisher


def refused(offer: Offer, target: Path, **limits: Any) -> tuple[BuildError, Publisher]:
    with pytest.raises(BuildError) as caught:
        fetched(offer, target, **limits)
    assert caught.value.remedy.startswith("nothing was kept")
    return caught.value, caught.value.publisher  # type: ignore[attr-defined]


def test_a_file_arrives_whole_and_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[str, int, int | None]] = []
    fetched(Offer(BODY), tmp_path / "file.zip", progress=lambda *each: told.append(each))
    assert (tmp_path / "file.zip").read_bytes() == BODY
    assert told[-1] == ("file.zip", len(BODY), len(BODY))


def test_a_file_of_unannounced_length_arrives(tmp_path: Path) -> None:
    fetched(Offer(BODY, length=False), tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == BODY


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_server_that_does_not_have_it_is_no_refusal(tmp_path: Path, status: int) -> None:
    with pytest.raises(NotOnOfferError, match=f"HTTP {status}"):
        fetched(Offer(b"", status=status), tmp_path / "file.zip")


def test_a_server_that_is_down_is_no_refusal(tmp_path: Path) -> None:
    with publishing(Publisher({})) as publisher:
        url = publisher.endpoint + PATH
    with pytest.raises(NotOnOfferError, match="cannot be reached"):
        download(url, tmp_path / "file.zip", largest_bytes=10, progress=silent)


def test_a_transfer_that_breaks_is_resumed_where_it_broke(tmp_path: Path) -> None:
    publisher = fetched(Offer(BODY, sends=4000, etag='"v1"'), tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == BODY
    assert [ranges for _, ranges in publisher.requested] == [None, "bytes=4000-"]


def test_a_transfer_that_cannot_be_resumed_starts_anew(tmp_path: Path) -> None:
    publisher = fetched(Offer(BODY, sends=4000, cuts=2), tmp_path / "file.zip")
    assert (tmp_path / "file.zip").read_bytes() == BODY
    assert [ranges for _, ranges in publisher.requested] == [None] * 3


@pytest.mark.parametrize("etag", [None, 'W/"v1"'])  # a weak one does not name these very bytes
def test_a_transfer_that_stays_broken_is_given_up(tmp_path: Path, etag: str | None) -> None:
    error, publisher = refused(Offer(BODY, sends=4000, etag=etag), tmp_path / "file.zip")
    assert error.reason == "source.truncated"
    assert [ranges for _, ranges in publisher.requested] == [None] * 3


def test_a_body_shorter_than_announced_is_given_up(tmp_path: Path) -> None:
    error, _ = refused(Offer(BODY, declares=len(BODY) + 1), tmp_path / "file.zip")
    assert error.reason == "source.truncated"


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_over_its_limit_is_refused(tmp_path: Path, announced: bool) -> None:
    offer = Offer(BODY, length=announced)
    error, publisher = refused(offer, tmp_path / "file.zip", largest_bytes=len(BODY) - 1)
    assert error.reason == "source.too_large"
    assert (tmp_path / "file.zip").exists() == (not announced)  # announced: not a byte of it
    assert len(publisher.requested) == 1


def test_a_size_announced_that_is_not_declared_is_refused_before_a_byte(tmp_path: Path) -> None:
    error, _ = refused(Offer(BODY), tmp_path / "file.zip", size_bytes=5)
    assert error.reason == "source.wrong_size"
    assert not (tmp_path / "file.zip").exists()


def test_a_full_disk_is_a_typed_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __enter__(self) -> Full:
            return self

        def __exit__(self, *said: object) -> None:
            """Nothing to close."""

        def tell(self) -> int:
            return 0

        def write(self, data: bytes) -> int:
            return len(data)

        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("builder.sources.download._target", lambda target, append: Full())
    error, _ = refused(Offer(BODY), tmp_path / "file.zip")
    assert error.reason == "source.unwritable"
    assert "No space left" in str(error)


def test_a_place_that_cannot_be_written_is_a_typed_error(tmp_path: Path) -> None:
    error, _ = refused(Offer(BODY), tmp_path / "no_folder" / "file.zip")
    assert error.reason == "source.unwritable"


def test_transfers_are_drawn_one_bar_per_file() -> None:
    console = Console(file=io.StringIO(), record=True, force_terminal=False, width=100)
    with shown_on(console) as progress:
        progress("a.zip", 5, 10)
        progress("a.zip", 10, 10)
        progress("b.zip", 1, None)
    drawn = console.export_text()
    assert drawn.count("a.zip") == 1
    assert drawn.count("b.zip") == 1
