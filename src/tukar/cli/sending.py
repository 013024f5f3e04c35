"""Large files to a hub: object by object where the hub takes that, so that what it has of them does not travel; else by
Git LFS, each as a whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Literal

from tukar.cli.cuts import Cut, FolderSource
from tukar.cli.output import Output
from tukar.cli.sources import LocalFile
from tukar.cli.upload import LargeFile, upload
from tukar.errors import Invalid, TukarError
from tukar.exchange.http import Remote
from tukar.exchange.remote import Busy
from tukar.exchange.repository import RepositoryDestination
from tukar.exchange.transfer import transfer
from tukar.types import Digest, RepoId

Via = Literal["objects", "files"]

_MADE_AT_ONCE: Final = 100  # files, and their bytes: the hub reads all of them before it answers
_MADE_BYTES: Final = 1 << 30
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of large files.

    Attributes:
        via: how they went; None if there were none.
        files: the SHA-256 of those of which something was sent.
        nbytes: that were sent.
        avoided: bytes of the files that were not.
        upload: what is to be ended once they are committed.
    """

    via: Via | None = None
    files: frozenset[str] = frozenset()
    nbytes: int = 0
    avoided: int = 0
    upload: RepositoryDestination | None = None

    def with_(self, regular: Sequence[LocalFile]) -> Sent:
        """The same with files that went with the commit itself."""
        return replace(self, nbytes=self.nbytes + sum(file.size for file in regular))

    def end(self) -> None:
        """They are committed. If the hub does not hear of it, it finds out by itself, in time."""
        if self.upload is not None:
            with suppress(TukarError):
                self.upload.end()


def send(remote: Remote, repo: RepoId, large: Sequence[LargeFile], cuts: Mapping[str, Cut], output: Output) -> Sent:
    """Send what the hub does not have of these files, of which ``cuts`` says by path what they are made of."""
    if not large:
        return Sent()
    chosen = [cuts[item.file.path] for item in large]
    destination = RepositoryDestination(remote, repo, _name(chosen))
    limit = destination.limit()
    if limit is None:
        return _send_whole(remote, repo, large, output)
    for item in large:
        if item.file.size > limit:
            raise Invalid(f"{item.file.path!r} is refused: this hub takes at most {limit} bytes")
    return _send_objects(destination, chosen, output)


def _name(cuts: Sequence[Cut]) -> str:
    """The same for the same files, so that a push that is run again goes on."""
    return hashlib.sha256(b"".join(sorted({each.digest for each in cuts}))).hexdigest()


def _send_whole(remote: Remote, repo: RepoId, large: Sequence[LargeFile], output: Output) -> Sent:
    sent = upload(remote, repo, large, output)
    once = {item.sha256: item.file.size for item in large}
    nbytes = sum(size for sha256, size in once.items() if sha256 in sent)
    avoided = sum(item.file.size for item in large if item.sha256 not in sent)
    return Sent("files", frozenset(sent), nbytes, avoided)


def _send_objects(destination: RepositoryDestination, cuts: Sequence[Cut], output: Output) -> Sent:
    source = FolderSource(cuts)
    sizes = source.objects
    nbytes = 0
    with output.progress("Sending", sum(sizes.values())) as advance:
        for attempt in range(1, _TRIES + 1):
            nbytes += transfer(source, destination, sizes, advance).sent
            try:
                _make(destination, cuts)
                break
            except Busy:  # something that was there has been freed meanwhile
                if attempt == _TRIES:
                    raise
    whole = sum(each.file.size for each in cuts)
    avoided = whole - sum(sizes[digest] for digest in source.sent)
    return Sent("objects", frozenset(_touched(cuts, source.sent)), nbytes, avoided, destination)


def _make(destination: RepositoryDestination, cuts: Sequence[Cut]) -> None:
    once = list({each.digest: each for each in cuts}.values())
    for group in _groups(once):
        destination.make([each.announced for each in group])


def _groups(cuts: Sequence[Cut]) -> Iterator[list[Cut]]:
    group: list[Cut] = []
    size = 0
    for each in cuts:
        if group and (len(group) == _MADE_AT_ONCE or size + each.file.size > _MADE_BYTES):
            yield group
            group, size = [], 0
        group.append(each)
        size += each.file.size
    if group:
        yield group


def _touched(cuts: Sequence[Cut], sent: set[Digest]) -> Iterator[str]:
    """The SHA-256 of the files of which a part was sent."""
    for each in cuts:
        if any(part.digest in sent for part in each.manifest.parts) or (each.digest in sent and not each.file.size):
            yield each.manifest.sha256
