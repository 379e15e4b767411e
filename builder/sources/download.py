"""Download one file to a temporary place: whole and within its size limit, or not at all."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from typing import IO

from builder.sources.errors import transfer_error
from builder.sources.protocol import Progress

_CHUNK = 1 << 20
_TIMEOUT_S = 20
_ATTEMPTS = 3
_PARTIAL = 206
_BROKEN = (http.client.HTTPException, ConnectionError, TimeoutError)
_AGENT = "microdata-release-gate"


class NotOnOfferError(Exception):
    """The server cannot be reached or does not have the file: the source is absent."""


def download(
    url: str,
    target: Path,
    *,
    largest_bytes: int,
    progress: Progress,
    size_bytes: int | None = None,
) -> None:
    """Write the content of `url` to `target`, resuming up to twice where the transfer broke.

    A resumed part is asked for with If-Range, so that a file changed in between starts anew.
    Raises NotOnOfferError where there is nothing to download, BuildError for a transfer that stays
    cut off, for more than `largest_bytes`, for a size announced that is not `size_bytes` (before
    any byte of it), or for a disk that is full.
    """
    validator: str | None = None
    for _ in range(_ATTEMPTS):
        have = target.stat().st_size if validator and target.exists() else 0
        try:
            with _open(url, have, validator) as response:
                validator = _validator(response.headers)
                resumed = response.status == _PARTIAL
                total = _total(response.headers, have if resumed else 0)
                _check_announced(target.name, total, size_bytes)
                _check_size(target.name, total or 0, largest_bytes)
                with _target(target, append=resumed) as stream:
                    done = _copy(response, stream, target.name, total, largest_bytes, progress)
        except _BROKEN:
            continue
        if total is None or done == total:
            return
    raise transfer_error(f"{target.name}: the download from {url} stays cut off", "truncated")


def _open(url: str, have: int, validator: str | None) -> http.client.HTTPResponse:
    headers = {"User-Agent": _AGENT}
    if have and validator:
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    request = urllib.request.Request(url, headers=headers)
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        raise NotOnOfferError(f"{url} answers HTTP {error.code} {error.reason}") from error
    except (urllib.error.URLError, TimeoutError) as error:
        cause = getattr(error, "reason", error)
        raise NotOnOfferError(f"{url} cannot be reached: {cause}") from error
    return response


def _validator(headers: Message) -> str | None:
    """Return what names these very bytes to the server: a strong ETag, else the date (RFC 9110)."""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified")


def _total(headers: Message, have: int) -> int | None:
    length = headers.get("Content-Length")
    return int(length) + have if length is not None and length.isdigit() else None


def _check_announced(name: str, total: int | None, declared: int | None) -> None:
    if declared is not None and total not in (None, declared):
        raise transfer_error(
            f"the server announces {total:,} bytes for {name}, and {declared:,} are declared",
            "wrong_size",
        )


def _check_size(name: str, size: int, largest: int) -> None:
    if size > largest:
        raise transfer_error(
            f"{name} has {size:,} bytes or more, and its catalog entry allows {largest:,}",
            "too_large",
        )


def _target(target: Path, *, append: bool) -> IO[bytes]:
    try:
        return target.open("ab" if append else "wb")
    except OSError as error:
        raise _unwritable(target.name, error) from error


def _copy(
    response: http.client.HTTPResponse,
    stream: IO[bytes],
    name: str,
    total: int | None,
    largest: int,
    progress: Progress,
) -> int:
    done = stream.tell()
    while chunk := response.read(_CHUNK):
        done += len(chunk)
        _check_size(name, done, largest)
        try:
            stream.write(chunk)
            stream.flush()  # a full disk shows here, not when the file is closed
        except OSError as error:
            raise _unwritable(name, error) from error
        progress(name, done, total)
    return done


def _unwritable(name: str, error: OSError) -> Exception:
    return transfer_error(f"{name} can't be written: {error.strerror or error}", "unwritable")
