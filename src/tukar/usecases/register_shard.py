"""Register a shard: put files together from the xorbs that a user sent, and store them.

1. Every xorb that the shard names is one that this user sent, and its chunks are here.
2. Each file's hash is what its chunks amount to.
3. Each file is rebuilt, and has the sha256 that the shard says.
4. In one transaction: the file is known, the user has it, the xorbs are views on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tukar.cas import epochs, views
from tukar.cas.views import KnownXorb
from tukar.catalog import possessions
from tukar.catalog.values import User
from tukar.database import Transaction
from tukar.errors import Invalid
from tukar.objects.landing import Progress
from tukar.objects.sources import JoinedSource
from tukar.types import ByteSource
from tukar.usecases.publish import land
from tukar.usecases.services import Services
from tukar.xet.hashes import XetHash, file_hash, range_hash
from tukar.xet.shards import Shard, ShardFile, Term

_GROUP: Final = 256 << 20  # bytes of files that are stored together: a failure later in the shard keeps them


class UnknownXorb(Invalid):
    """The shard names a xorb that this user did not send, or that is not here any more."""

    def __init__(self, xorb: XetHash) -> None:
        super().__init__(f"xorb {xorb} is not among those you have sent to this hub", hint="start the upload again")


@dataclass(frozen=True, slots=True)
class _Assembly:
    file: ShardFile
    source: ByteSource


def register_shard(services: Services, user: User, shard: Shard, on_progress: Progress = lambda _: None) -> None:
    """Store the files of a shard. ``on_progress`` is called with the number of bytes dealt with since the last call.

    Raises:
        UnknownXorb: step 1 failed; the user's clients are made to forget what they remember of this hub.
        Invalid: another step failed.
    """
    try:
        assemblies = _assemble(services, user, shard)
    except UnknownXorb:
        with services.database.write() as tx:
            epochs.begin_for(tx, user.id)
        raise
    for group in _groups(assemblies):
        _store(services, user, group, on_progress)
    services.xorbs.unstage([term.xorb for file in shard.files for term in file.terms])


def total_bytes(shard: Shard) -> int:
    """The bytes of all files of a shard."""
    return sum(term.nbytes for file in shard.files for term in file.terms)


def _assemble(services: Services, user: User, shard: Shard) -> list[_Assembly]:
    named = {term.xorb for file in shard.files for term in file.terms}
    with services.database.read() as tx:
        known = views.find(tx, named, sender=user.id)
        for xorb in named - known.keys():
            raise UnknownXorb(xorb)
        return [_Assembly(file, _source(services, tx, file, known)) for file in shard.files]


def _source(services: Services, tx: Transaction, file: ShardFile, known: dict[XetHash, KnownXorb]) -> ByteSource:
    for number, term in enumerate(file.terms):
        _check_term(file, number, term, known[term.xorb])
    chunks = (chunk for term in file.terms for chunk in known[term.xorb].table.chunks(term.chunk_start, term.chunk_end))
    if file_hash(chunks) != file.hash:
        raise Invalid(f"the chunks of file {file.hash} do not amount to its hash")
    sources: list[ByteSource] = []
    for term in file.terms:
        found = services.xorbs.chunks(tx, known[term.xorb], term.chunk_start, term.chunk_end)
        if found is None:
            raise UnknownXorb(term.xorb)
        sources.append(found)
    return JoinedSource(sources)


def _check_term(file: ShardFile, number: int, term: Term, xorb: KnownXorb) -> None:
    table = xorb.table
    if term.chunk_end > len(table):
        raise Invalid(f"file {file.hash} names chunk {term.chunk_end} of xorb {term.xorb}, which has {len(table)}")
    if term.nbytes != table.offsets[term.chunk_end] - table.offsets[term.chunk_start]:
        raise Invalid(f"file {file.hash}: a term of xorb {term.xorb} has not the bytes that it claims")
    if file.verification and file.verification[number] != range_hash(
        table.hash_bytes(term.chunk_start, term.chunk_end)
    ):
        raise Invalid(f"file {file.hash}: a term of xorb {term.xorb} does not match its verification hash")


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
    hashes = [assembly.file.sha256 for assembly in group]
    for assembly in group:
        if assembly.file.sha256 is None:
            raise Invalid(f"file {assembly.file.hash} comes without its sha256", hint="use a newer client")

    def register(tx: Transaction, ids: dict[str, int]) -> None:
        for assembly, sha256 in zip(group, hashes, strict=True):
            file_id = ids[sha256 or ""]
            possessions.record(tx, user.id, file_id, now=services.clock())
            services.xorbs.link(tx, assembly.file.hash, assembly.file.terms, file_id)

    land(services, [(assembly.source, assembly.file.sha256) for assembly in group], register, on_progress)
