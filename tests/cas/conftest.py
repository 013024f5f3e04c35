"""A Xet service over an empty database, an object store in memory and a folder for what is staged."""

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from tukar.cas.staging import Staging
from tukar.cas.store import XorbStore
from tukar.catalog import users
from tukar.database import Database
from tukar.objects.sources import BytesSource
from tukar.objects.store import ObjectStore
from tukar.storage.memory import MemoryStorage
from tukar.testing.xet import MadeRun, MadeXorb, made_file

NOW = 1_700_000_000.0
ALICE, BOB = 1, 2


def everyone() -> sa.Select[int]:
    return sa.select(sa.literal(ALICE)).union_all(sa.select(sa.literal(BOB)))  # type: ignore[return-value]


def only(user: int) -> sa.Select[int]:
    return sa.select(sa.literal(user))


@pytest.fixture
def store(database: Database, tmp_path: Path) -> XorbStore:
    with database.write() as tx:
        for name in ("alice", "bob"):
            users.create(tx, name, now=NOW)
    return XorbStore(database, ObjectStore(database, MemoryStorage()), Staging(tmp_path / "staged"))


Send = Callable[..., bool]


@pytest.fixture
def send(store: XorbStore, tmp_path: Path) -> Send:
    """Sends a xorb; ``body`` is what really comes."""

    def send(xorb: MadeXorb, user: int = ALICE, body: bytes | None = None) -> bool:
        path = tmp_path / "body"
        path.write_bytes(xorb.body if body is None else body)
        return store.receive(user, xorb.hash, path, NOW)

    return send


Link = Callable[..., int]


@pytest.fixture
def link(store: XorbStore) -> Link:
    """Stores the file that these runs amount to, and links it; its row id."""

    def link(*runs: MadeRun, user: int = ALICE) -> int:
        file = made_file(*runs)
        data = b"".join(run.data for run in runs)
        with store.objects.landing(NOW) as landing:
            landing.add(BytesSource(data), file.sha256)
            landing.seal()
            with store.database.write() as tx:
                (file_id,) = landing.register(tx).values()
                store.link(tx, user, file.hash, file.terms, file_id)
        return file_id

    return link


def noise(*lengths: int) -> MadeXorb:
    return MadeXorb(tuple(secrets.token_bytes(length) for length in lengths))


def view(store: XorbStore, xorb: MadeXorb, start: int = 0, stop: int | None = None) -> bytes:
    """What is served of a xorb."""
    return b"".join(store.stream(xorb.hash, start, xorb.table.size if stop is None else stop))
