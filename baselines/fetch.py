"""Download an incumbent at its pinned revision; any other content is refused."""

from dataclasses import dataclass
from pathlib import Path
from re import fullmatch

import httpx2
from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    XetDownloadError,
)
from rich.console import Console

from baselines import store
from baselines.diff import Difference, describe
from baselines.registry import BUILD_COMMAND, Manifest, is_built_here, load_baseline, missing_pins
from baselines.transfer import download_progress, reporter_class
from baselines.verify import MISMATCH, deciding_pins
from schemas.errors import BaselineError

_TRANSFER_ERRORS = (OSError, httpx2.HTTPError, httpx2.InvalidURL, XetDownloadError)
_NOT_THERE = (EntryNotFoundError, RevisionNotFoundError, RepositoryNotFoundError)
_COMMIT = r"[0-9a-f]{40}"
_SHA256 = r"[0-9a-f]{64}"


@dataclass(frozen=True)
class HubFile:
    """One file of a Hugging Face repository at one revision."""

    repo_type: str
    repo_id: str
    path: str
    revision: str


def fetch(baseline_id: str, *, endpoint: str | None = None, console: Console | None = None) -> Path:
    """Return the verified local file of an incumbent, downloading it when it isn't there.

    `endpoint` replaces the hub address (default: huggingface_hub's own, $HF_ENDPOINT); no login
    is sent to a replaced one. Only the pinned content enters the store, and nothing partial stays.
    Raises BaselineError for anything else: unpinned, built here, unreachable, other content.
    """
    manifest = load_baseline(baseline_id)
    present = store.baseline_path(baseline_id)
    if present is not None:
        return present
    if is_built_here(manifest):
        raise BaselineError(
            f"{baseline_id} isn't published anywhere: the builder makes it on this machine",
            reason="baseline.built_here",
            remedy=f"run `{BUILD_COMMAND}`",
        )
    deciding_pins(manifest)
    wanted = hub_file(manifest)
    token = None if endpoint is None else False
    with store.incoming() as folder:
        try:
            _check_announcement(manifest, wanted, endpoint, token)
            arrived = _download(wanted, folder, endpoint, token, console or Console(stderr=True))
        except _TRANSFER_ERRORS as error:
            raise _transfer_error(manifest, wanted, error) from error
        return store.keep(baseline_id, arrived)


def hub_file(manifest: Manifest) -> HubFile:
    """Return what to ask the hub for, from `hf://[datasets/]owner/name/path` and the revision.

    Raises BaselineError naming the pins that are missing, with their reasons.
    """
    pins = manifest["pins"]
    missing = missing_pins(manifest, ["h5_uri", "h5_revision"])
    if missing:
        raise BaselineError(
            f"{manifest['id']} can't be downloaded: missing {missing}",
            reason="baseline.no_source",
            remedy=_own_copy(manifest),
        )
    scheme, _, rest = str(pins["h5_uri"]).partition("://")
    repo_type = "dataset" if rest.startswith("datasets/") else "model"
    parts = rest.removeprefix("datasets/").split("/", 2)
    if scheme != "hf" or len(parts) != 3:
        raise BaselineError(
            f"{manifest['id']}: h5_uri {pins['h5_uri']!r} isn't hf://[datasets/]owner/name/file",
            reason="baseline.bad_uri",
            remedy=f"correct h5_uri in baselines/manifests/{manifest['id']}.json",
        )
    return HubFile(repo_type, f"{parts[0]}/{parts[1]}", parts[2], str(pins["h5_revision"]))


def _check_announcement(
    manifest: Manifest, wanted: HubFile, endpoint: str | None, token: bool | None
) -> None:
    """Refuse by the hub's own headers what can't be the pinned file, before any byte of it."""
    url = hf_hub_url(
        wanted.repo_id,
        wanted.path,
        repo_type=wanted.repo_type,
        revision=wanted.revision,
        endpoint=endpoint,
    )
    said = get_hf_file_metadata(url, token=token, endpoint=endpoint)
    pins = manifest["pins"]
    announced = [
        Difference("h5_size_bytes", pins["h5_size_bytes"], said.size),
        Difference("h5_sha256", pins["h5_sha256"], _matching(_SHA256, said.etag)),
        Difference("h5_revision", _matching(_COMMIT, wanted.revision), said.commit_hash),
    ]
    wrong = [each for each in announced if None not in each and each.left != each.right]
    if wrong:
        raise BaselineError(
            f"the hub offers other content than {manifest['id']} (pinned -> offered): "
            f"{describe(wrong)}",
            reason=MISMATCH,
            remedy="nothing was downloaded; " + _own_copy(manifest),
        )


def _matching(pattern: str, text: str | None) -> str | None:
    """Return the text if it has the form of a hash; tags and other etags say nothing."""
    return text if text is not None and fullmatch(pattern, text) else None


def _download(
    wanted: HubFile, folder: Path, endpoint: str | None, token: bool | None, console: Console
) -> Path:
    with download_progress(console) as progress:
        pointer = hf_hub_download(
            wanted.repo_id,
            wanted.path,
            repo_type=wanted.repo_type,
            revision=wanted.revision,
            cache_dir=folder,
            endpoint=endpoint,
            token=token,
            tqdm_class=reporter_class(progress),
        )
    return Path(pointer).resolve()


def _transfer_error(manifest: Manifest, wanted: HubFile, error: Exception) -> BaselineError:
    """Return what went wrong in one line; no other file is ever put in its place."""
    where = f"{wanted.repo_id}/{wanted.path} at revision {wanted.revision}"
    cause = (str(error).strip() or type(error).__name__).splitlines()[0]
    said, reason = f"the download broke off: {cause}", "broken_download"
    if isinstance(error, GatedRepoError):
        said, reason = "the hub wants a login for it (`hf auth login`)", "gated"
    elif isinstance(error, _NOT_THERE) and not isinstance(error, LocalEntryNotFoundError):
        said, reason = "the hub doesn't have it, or not for you", "not_found"
    elif isinstance(error, HfHubHTTPError):
        said, reason = f"the hub refused: {cause}", "refused"
    elif isinstance(error, httpx2.ConnectError | httpx2.TimeoutException | OfflineModeIsEnabled):
        said, reason = f"the hub can't be reached: {cause}", "unreachable"
    return BaselineError(
        f"{manifest['id']}: {where}: {said}",
        reason=f"baseline.{reason}",
        remedy=f"try again, or {_own_copy(manifest)}",
    )


def _own_copy(manifest: Manifest) -> str:
    return f"give a copy you have: `mpgate baseline fetch {manifest['id']} --from FILE`"
