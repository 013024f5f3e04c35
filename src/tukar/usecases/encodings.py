"""How the tensors of a repository are stored: with which codec, in how many bytes, as differences to what."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa

from tukar import codecs
from tukar.catalog.values import Identity
from tukar.codecs.context import Coded, Delta
from tukar.database import Transaction
from tukar.errors import Unsupported
from tukar.objects.index import batches
from tukar.objects.tables import bases, files, objects, parts
from tukar.types import Digest, RepoType, TensorInfo
from tukar.usecases import describe
from tukar.usecases.origins import Origin, Place, origins, places
from tukar.usecases.services import Services

CODED: Final = Coded.name
DIFFERENCE: Final = Delta.name
"""The encodings that repacking gives; of a difference, whether or not the asker may know to what."""


@dataclass(frozen=True, slots=True)
class Parent:
    """What a tensor is stored as a difference to: its name, and a repository that has it and the asker may read.

    Attributes:
        path: of the file that has it on the default branch; None where only earlier commits have that file.
    """

    repository: str
    type: RepoType
    path: str | None
    tensor: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """A tensor as it is stored.

    Attributes:
        digest: of the object that it is; tensors of the same bytes are one.
        stored: bytes; what other files use as well counts here, too.
        encoding: the name of the codec.
        parent: None where it is stored by itself, or its parent is in nothing that the asker may read.
    """

    tensor: TensorInfo
    digest: Digest
    stored: int
    encoding: str
    parent: Parent | None


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a file as it is stored.

    Attributes:
        stored: bytes; what other files use as well counts here, too.
        encoding: the name of the codec.
        origin: what has its parent; None where it is stored by itself, or the asker may not read any.
    """

    stored: int
    encoding: str
    origin: Origin | None


def encodings(services: Services, identity: Identity, sha256: str) -> list[Encoded]:
    """The tensors of a file that is stored here, which the asker may read, in its order."""
    with services.database.read() as tx:
        rows = _parts(tx, sha256)
        found, known = _parents(tx, identity, rows)
    by_place = {(row.start, row.length): row for row in rows}
    listed = []
    for tensor in _tensors(services, sha256):
        row = by_place.get((tensor.start, tensor.nbytes))
        if row is not None:
            place = found.get(row.base_id)
            parent = None if place is None else _parent(services, place, known)
            listed.append(Encoded(tensor, Digest(row.digest), row.stored_size, _name(row.codec), parent))
    return listed


def runs(services: Services, identity: Identity, sha256: str, starts: Collection[int]) -> Mapping[int, Run]:
    """How a file is stored from each of these bytes on, where a part begins there."""
    with services.database.read() as tx:
        rows = [row for batch in batches(starts) for row in _parts(tx, sha256, batch)]
        found, known = _parents(tx, identity, rows)
    return {row.start: Run(row.stored_size, _name(row.codec), _origin(found.get(row.base_id), known)) for row in rows}


def _parts(tx: Transaction, sha256: str, starts: Sequence[int] | None = None) -> Sequence[Any]:
    first_base = sa.select(sa.func.min(bases.c.base_id)).where(bases.c.object_id == objects.c.id).scalar_subquery()
    query = (
        sa.select(parts.c.start, parts.c.length, objects.c.digest, objects.c.codec, objects.c.stored_size)
        .add_columns(first_base.label("base_id"))
        .join_from(parts, objects, objects.c.id == parts.c.object_id)
        .join(files, files.c.id == parts.c.file_id)
        .where(files.c.sha256 == sha256)
    )
    return tx.execute(query if starts is None else query.where(parts.c.start.in_(starts))).all()


def _parents(
    tx: Transaction, identity: Identity, rows: Iterable[Any]
) -> tuple[Mapping[int, Place], Mapping[int, Origin]]:
    """Where the bases of these parts are, as far as the asker may know; and the files that have them."""
    found = places(tx, identity, {row.base_id for row in rows if row.base_id is not None})
    return found, origins(tx, identity, {place.file_id for place in found.values()})


def _origin(place: Place | None, known: Mapping[int, Origin]) -> Origin | None:
    return None if place is None else known.get(place.file_id)


def _parent(services: Services, place: Place, known: Mapping[int, Origin]) -> Parent | None:
    origin = known.get(place.file_id)
    name = None if origin is None else _names(services, origin.sha256).get(place.start)
    return None if origin is None or name is None else Parent(origin.repository, origin.type, origin.path, name)


@lru_cache(maxsize=8)
def _tensors(services: Services, sha256: str) -> tuple[TensorInfo, ...]:
    return describe.layout(services, sha256).tensors


@lru_cache(maxsize=8)
def _names(services: Services, sha256: str) -> Mapping[int, str]:
    return {tensor.start: tensor.name for tensor in _tensors(services, sha256)}


def _name(codec: int) -> str:
    try:
        return codecs.codec(codec).name
    except Unsupported:
        return str(codec)


# In short


@dataclass(frozen=True, slots=True)
class Share:
    """What is stored with one codec: how many objects, their raw bytes, and those that they take."""

    encoding: str
    count: int
    raw: int
    stored: int


@dataclass(frozen=True, slots=True)
class Kinship:
    """How many objects of a file are differences to those of another; None if the asker may not know of which."""

    origin: Origin | None
    count: int


@dataclass(frozen=True, slots=True)
class Summary:
    """How a file is stored: with which codecs, and as differences to which files, most first."""

    shares: tuple[Share, ...] = ()
    kin: tuple[Kinship, ...] = ()


def summaries(services: Services, identity: Identity, sha256s: Iterable[str]) -> Mapping[str, Summary]:
    """How each of these files is stored that has something encoded in it, which the asker may read."""
    found: dict[str, Summary] = {}
    with services.database.read() as tx:
        for batch in batches(set(sha256s)):
            shares, kin = _shares(tx, batch), _kin(tx, identity, batch)
            found |= {sha256: Summary(shares[sha256], kin.get(sha256, ())) for sha256 in shares}
    return found


def totals(services: Services) -> tuple[Share, ...]:
    """Everything that is stored, by codec."""
    with services.database.read() as tx:
        return tuple(_share(row) for row in tx.execute(_by_codec(objects).order_by(objects.c.codec)))


def _mine(sha256s: Sequence[str]) -> sa.Subquery:
    """The objects of these files, each once."""
    query = sa.select(files.c.sha256, parts.c.object_id).join_from(parts, files, files.c.id == parts.c.file_id)
    return query.where(files.c.sha256.in_(sha256s)).distinct().subquery()


def _by_codec(source: sa.FromClause, *also: sa.ColumnElement[Any]) -> sa.Select[Any]:
    sums = (sa.func.count(), sa.func.sum(objects.c.size), sa.func.sum(objects.c.stored_size))
    return sa.select(objects.c.codec, *sums, *also).select_from(source).group_by(objects.c.codec, *also)


def _share(row: Any) -> Share:
    return Share(_name(row[0]), int(row[1]), int(row[2]), int(row[3]))


def _shares(tx: Transaction, sha256s: Sequence[str]) -> Mapping[str, tuple[Share, ...]]:
    mine = _mine(sha256s)
    query = _by_codec(mine.join(objects, objects.c.id == mine.c.object_id), mine.c.sha256)
    found: dict[str, tuple[Share, ...]] = {}
    for row in tx.execute(query.order_by(objects.c.codec.desc())):
        found[row.sha256] = (*found.get(row.sha256, ()), _share(row))
    return found


def _kin(tx: Transaction, identity: Identity, sha256s: Sequence[str]) -> Mapping[str, tuple[Kinship, ...]]:
    mine = _mine(sha256s)
    query = sa.select(mine.c.sha256, bases.c.base_id).join_from(mine, bases, bases.c.object_id == mine.c.object_id)
    rows = tx.execute(query).all()
    found = places(tx, identity, {row.base_id for row in rows})
    known = origins(tx, identity, {place.file_id for place in found.values()})
    counted: dict[str, Counter[Origin | None]] = defaultdict(Counter)
    for row in rows:
        counted[row.sha256][_origin(found.get(row.base_id), known)] += 1
    return {sha256: tuple(Kinship(*pair) for pair in counts.most_common()) for sha256, counts in counted.items()}
