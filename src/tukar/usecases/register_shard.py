"""Register a shard: put files together from the xorbs that a user sent, and store them.

1. Every file comes with its sha256, and what is asked for is within bounds.
2. Every xorb that the shard names is one that this user sent, and its chunks are here.
3. Each file's hash is what its chunks amount to.
4. Each file is rebuilt, and has the sha256 that the shard says.
5. In one transaction: the file is known, the user has it, the xorbs are views on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tukar.cas import epochs, views
from tukar.cas.views import KnownXorb
from tukar.catalog import possessions, users
from tukar.catalog.values import User
from tukar.database import Transaction
from tukar.errors import Invalid, NotFound
from tukar.objects.landing import Progress
from tukar.objects.sources import JoinedSource
from tukar.types import ByteSource
from tukar.usecases.publish import land
from tukar.usecases.services import Services
from tukar.xet.hashes import XetHash
from tukar.xet.shards import Shard, ShardFile
from tukar.xet.verification import verify_file

_GROUP: Final = 256 << 20  # bytes of files that are stored together: a failure later in the shard keeps them
_CHUNKS_LIMIT: Final = 1 << 24  # of all files together; 1 TiB in chunks of the usual size


class UnknownXorb(Invalid):
    """The shard names a xorb that this user did not send, or of which something is not here any more."""

    def __init__(self) -> None:
        super().__init__(
            "the shard names a xorb that is not among those you have sent to this hub", hint="start the upload again"
        )


@dataclass(frozen=True, slots=True)
class _Assembly:
    file: ShardFile
    sha256: str
    source: ByteSource


def register_shard(services: Services, user: User, shard: Shard, on_progress: Progress = lambda _: None) -> None:
    """Store the files of a shard. ``on_progress`` is called with the number of bytes dealt with since the last call.

    Raises:
        UnknownXorb: step 2 failed; the user's clients are made to forget what they remember of this hub.
        Invalid: another step failed.
    """
    sha256s = _check(shard)
    try:
        for group in _groups(_assemble(services, user, shard, sha256s)):
            _store(services, user, group, on_progress)
    except (UnknownXorb, NotFound) as error:  # never known, or freed meanwhile: it is all the same to who asks
        with services.database.write() as tx:
            epochs.begin_for(tx, user.id)
        raise UnknownXorb from error
    services.xorbs.unstage(_named(shard))


def total_bytes(shard: Shard) -> int:
    """The bytes of all files of a shard."""
    return sum(file.size for file in shard.files)


def _check(shard: Shard) -> list[str]:
    if sum(term.chunk_end - term.chunk_start for file in shard.files for term in file.terms) > _CHUNKS_LIMIT:
        raise Invalid(
            f"the files of a shard have more than {_CHUNKS_LIMIT} chunks", hint="upload fewer files at a time"
        )
    sha256s = []
    for file in shard.files:
        if file.sha256 is None:
            raise Invalid(f"file {file.hash} comes without its sha256", hint="use a newer client")
        sha256s.append(file.sha256)
    return sha256s


def _named(shard: Shard) -> set[XetHash]:
    return {term.xorb for file in shard.files for term in file.terms}


def _assemble(services: Services, user: User, shard: Shard, sha256s: Sequence[str]) -> list[_Assembly]:
    named = _named(shard)
    with services.database.read() as tx:
        known = views.find(tx, named, sender=user.id)
    if known.keys() != named:
        raise UnknownXorb
    tables = {xorb: item.table for xorb, item in known.items()}
    for file in shard.files:
        verify_file(file, tables)
    with services.database.read() as tx:
        pairs = zip(shard.files, sha256s, strict=True)
        return [_Assembly(file, sha256, _source(services, tx, file, known)) for file, sha256 in pairs]


def _source(services: Services, tx: Transaction, file: ShardFile, known: dict[XetHash, KnownXorb]) -> ByteSource:
    sources: list[ByteSource] = []
    for term in file.terms:
        found = services.xorbs.chunks(tx, known[term.xorb], term.chunk_start, term.chunk_end)
        if found is None:
            raise UnknownXorb
        sources.append(found)
    return JoinedSource(sources)


def _groups(assemblies: Sequence[_Assembly]) -> Iterator[list[_Assembly]]:
    group: list[_Assembly] = []
    size = 0
    for assembly in assemblies:
        group.append(assembly)
        size += assembly.source.size
        if size >= _GROUP:
            yield group
            group, size = [], 0
    if group:
        yield group


def _store(services: Services, user: User, group: Sequence[_Assembly], on_progress: Progress) -> None:
    def register(tx: Transaction, ids: dict[str, int]) -> None:
        users.require(tx, user.id)
        for assembly in group:
            file_id = ids[assembly.sha256]
            possessions.record(tx, user.id, file_id, now=services.clock())
            services.xorbs.link(tx, user.id, assembly.file.hash, assembly.file.terms, file_id)

    land(services, [(assembly.source, assembly.sha256) for assembly in group], register, on_progress)
