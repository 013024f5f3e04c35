"""The bytes of a pull: object by object where the hub tells of objects, else file by file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Final, Literal
from urllib.parse import quote

from tukar.cli import workers
from tukar.cli.aside import Aside
from tukar.cli.download import Download
from tukar.cli.folder import Folder, Missing
from tukar.cli.gathering import ChangedHere, Gathering, ManifestsHere
from tukar.cli.growing import Growing
from tukar.cli.output import Advance, Output, size_text
from tukar.cli.places import Place, places_in
from tukar.errors import Unavailable
from tukar.exchange import tree
from tukar.exchange.endpoint import Endpoint
from tukar.exchange.http import Remote, web_path
from tukar.exchange.receiving import Receiver
from tukar.exchange.replies import malformed
from tukar.exchange.repository import Held, RepositorySource
from tukar.exchange.transfer import transfer
from tukar.exchange.tree import RemoteFile
from tukar.types import Digest, Manifest, RepoId

_THREADS: Final = 4
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pull has to do.

    Attributes:
        wanted: the files of the new snapshot.
        missing: those of them that are not here.
        going: paths of what Tukar put here and the revision has no more.
        changed: paths of the same that were changed here since, and so stay.
        foreign: paths of missing files that Tukar did not write here, or that were changed: they are replaced.
    """

    wanted: Sequence[RemoteFile]
    missing: Sequence[RemoteFile]
    going: Sequence[str]
    changed: Sequence[str]
    foreign: Sequence[str]


@dataclass(frozen=True, slots=True)
class Revision:
    """What is pulled.

    Attributes:
        files: all of them.
        manifests: by path, what says of which objects each is made; None if the hub tells only of whole files.
    """

    repo: RepoId
    commit: str
    files: Sequence[RemoteFile]
    manifests: Mapping[str, Digest] | None


@dataclass(frozen=True, slots=True)
class Fetched:
    """How files came, how many bytes came, and how many bytes of the files did not have to."""

    via: Literal["objects", "files"]
    nbytes: int
    avoided: int


def look_up(remote: Remote, repo: RepoId, commit: str) -> Revision:
    """What a commit holds."""
    told = tree.listed(remote, repo, commit)
    if told is None:
        return Revision(repo, commit, tree.files(remote, repo, commit), None)
    return Revision(repo, commit, *told)


def fetch(
    endpoint: Endpoint, remote: Revision, folder: Folder, plan: Plan, missing: Sequence[Missing], output: Output
) -> Fetched:
    """Step 2 of a pull (see ``folder``): every file that is missing."""
    needed = [item for item in missing if not item.is_here()]
    to_come = sum(item.to_come() for item in needed)
    if to_come > folder.free_bytes():
        raise Unavailable(
            f"{size_text(to_come)} are to come, and {folder.root} has room for {size_text(folder.free_bytes())}",
            hint="make room, or pull into a folder on another disk",
        )
    with output.progress("Fetching", sum(item.file.size for item in needed)) as advance:
        if remote.manifests is None:
            received = _fetch_files(endpoint, remote, needed, advance)
            return Fetched("files", received, sum(item.file.size for item in needed) - received)
        return _fetch_objects(endpoint, remote, remote.manifests, folder, plan, needed, advance)


def _fetch_files(endpoint: Endpoint, remote: Revision, needed: Sequence[Missing], advance: Advance) -> int:
    """Whole files, in several threads; the largest first. Returns the bytes that came."""
    downloads: list[Download] = []

    @contextmanager
    def worker(stop: Event) -> Iterator[Callable[[Missing], None]]:
        with Receiver(endpoint) as receiver:
            download = Download(receiver, advance, stop)
            downloads.append(download)
            base = f"{web_path(remote.repo)}/resolve/{remote.commit}"
            yield lambda item: download.fetch(f"{base}/{quote(item.file.path)}", item.file, item.incoming)

    workers.each(sorted(needed, key=lambda item: -item.file.size), _THREADS, worker)
    return sum(download.received for download in downloads)


def _fetch_objects(
    endpoint: Endpoint,
    remote: Revision,
    named: Mapping[str, Digest],
    folder: Folder,
    plan: Plan,
    needed: Sequence[Missing],
    advance: Advance,
) -> Fetched:
    """Object by object: what is in this folder already does not come."""
    if not needed:
        return Fetched("objects", 0, 0)
    source, here = RepositorySource(endpoint, remote.repo), ManifestsHere()
    nbytes = transfer(source, here, dict.fromkeys((named[file.path] for file in plan.wanted), 0)).sent
    made = {file.path: _checked(here.found[named[file.path]], file) for file in plan.wanted}
    with Aside() as aside:
        files = [Growing(item, made[item.file.path], aside, advance) for item in needed]
        gathering = Gathering(files, _places(folder, plan, made), _Cached(source.held))
        try:
            _gather(source, gathering)
        finally:
            gathering.close()
    whole = sum(item.file.size for item in needed)
    return Fetched("objects", nbytes + gathering.nbytes, whole - gathering.received)


class _Cached:
    """Finds objects in what the stock client has downloaded: it names a large file by its SHA-256.

    What is found is not compared: a block that is decoded with something else has another digest than it should.
    """

    def __init__(self, held: Mapping[Digest, Sequence[Held]]) -> None:
        self._held = held
        self._files: dict[str, Path | None] = {}

    def __call__(self, digest: Digest) -> Place | None:
        for held in self._held.get(digest, ()):
            if held.sha256 not in self._files:
                self._files[held.sha256] = _in_cache(held.sha256)
            path = self._files[held.sha256]
            if path is not None:
                return Place((path,), held.start)
        return None


def _in_cache(sha256: str, environ: Mapping[str, str] = os.environ) -> Path | None:
    """A file in the cache of huggingface_hub, wherever its settings place it."""
    home = environ.get("HF_HOME") or f"{environ.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface"
    cache = Path(environ.get("HF_HUB_CACHE") or f"{home}/hub").expanduser()
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        return None
    with suppress(OSError):
        return next((path for path in cache.glob(f"*/blobs/{sha256}") if path.is_file()), None)
    return None


def _gather(source: RepositorySource, gathering: Gathering) -> None:
    for attempt in range(1, _TRIES + 1):
        try:
            transfer(source, gathering, dict(gathering.lacking))
            gathering.finish()
            return
        except ChangedHere:
            if attempt == _TRIES:
                raise


def _checked(manifest: Manifest, file: RemoteFile) -> Manifest:
    """What a file is made of, if that can be."""
    is_lfs = file.checksum.algorithm == "sha256"
    if manifest.size != file.size or (is_lfs and manifest.sha256 != file.checksum.hex):
        raise malformed(f"{file.path!r} is said to be made of what is another file's")
    return manifest


def _places(folder: Folder, plan: Plan, made: Mapping[str, Manifest]) -> dict[Digest, Place]:
    """Where objects are in the folder: in the files that stay, and in those that are replaced or go."""
    places: dict[Digest, Place] = {}
    missing = {file.path for file in plan.missing}
    for path in made.keys() - missing:
        at = 0
        for part in made[path].parts:
            places.setdefault(part.digest, Place((folder.root / path,), at))
            at += part.length
    lengths = {part.length for path in missing for part in made[path].parts}
    for path in sorted({*missing, *plan.going}):
        if folder.size(path):
            places = places_in(folder.root / path, path, lengths) | places
    return places
