"""How the tensors of a repository are stored: with which codec, in how many bytes, as differences to what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from tukar import codecs
from tukar.catalog import rights, tables
from tukar.catalog.values import Identity
from tukar.database import Transaction
from tukar.errors import Unsupported
from tukar.objects.index import batches
from tukar.objects.tables import bases, files, objects, parts
from tukar.types import TensorInfo
from tukar.usecases import describe
from tukar.usecases.services import Services


@dataclass(frozen=True, slots=True)
class Parent:
    """What a tensor is stored as a difference to: its name, and a repository that has it and the asker may read."""

    repository: str
    tensor: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """A tensor as it is stored.

    Attributes:
        stored: bytes; what other files use as well counts here, too.
        encoding: the name of the codec.
        parent: None where it is stored by itself, or its parent is in nothing that the asker may read.
    """

    tensor: TensorInfo
    stored: int
    encoding: str
    parent: Parent | None


def encodings(services: Services, identity: Identity, sha256: str) -> list[Encoded]:
    """The tensors of a file that is stored here, which the asker may read, in its order."""
    with services.database.read() as tx:
        rows = _parts(tx, sha256)
        owners = _owners(tx, identity, {row.base_id for row in rows if row.base_id is not None})
    by_place = {(row.start, row.length): row for row in rows}
    found = []
    for tensor in _tensors(services, sha256):
        row = by_place.get((tensor.start, tensor.nbytes))
        if row is not None:
            parent = _parent(services, owners.get(row.base_id)) if row.base_id is not None else None
            found.append(Encoded(tensor, row.stored_size, _name(row.codec), parent))
    return found


def _parts(tx: Transaction, sha256: str) -> Sequence[Any]:
    first_base = sa.select(sa.func.min(bases.c.base_id)).where(bases.c.object_id == objects.c.id).scalar_subquery()
    query = (
        sa.select(parts.c.start, parts.c.length, objects.c.codec, objects.c.stored_size, first_base.label("base_id"))
        .join_from(parts, objects, objects.c.id == parts.c.object_id)
        .join(files, files.c.id == parts.c.file_id)
        .where(files.c.sha256 == sha256)
    )
    return tx.execute(query).all()


@dataclass(frozen=True, slots=True)
class _Owner:
    """A file that has an object, from a byte on, and a repository that has the file."""

    repository: str
    sha256: str
    start: int


def _owners(tx: Transaction, identity: Identity, object_ids: Iterable[int]) -> Mapping[int, _Owner]:
    """For each of the objects the first file that has it in a repository that the asker may read."""
    links, named = tables.repository_files.c, tables.repositories.c
    query = (
        sa.select(parts.c.object_id, parts.c.start, files.c.sha256, named.namespace, named.name)
        .join_from(parts, files, files.c.id == parts.c.file_id)
        .join(tables.repository_files, links.file_id == files.c.id)
        .join(tables.repositories, named.id == links.repository_id)
        .where(rights.readable(identity))
        .order_by(files.c.id.desc(), named.id.desc())
    )
    found: dict[int, _Owner] = {}
    for batch in batches(object_ids):
        for row in tx.execute(query.where(parts.c.object_id.in_(batch))):
            found[row.object_id] = _Owner(f"{row.namespace}/{row.name}", row.sha256, row.start)
    return found


def _parent(services: Services, owner: _Owner | None) -> Parent | None:
    if owner is None:
        return None
    name = _names(services, owner.sha256).get(owner.start)
    return None if name is None else Parent(owner.repository, name)


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
