"""Publish, first half: bytes arrive and become stored files, which a commit can then link."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Final, TypeVar

from tukar.catalog import possessions, users
from tukar.catalog.values import Identity, Repository
from tukar.database import Transaction
from tukar.objects.damage import damaged_files
from tukar.objects.index import FreedMeanwhile
from tukar.objects.landing import Progress
from tukar.types import ByteSource
from tukar.usecases.services import Services

_TRIES: Final = 3
_T = TypeVar("_T")

Incoming = tuple[ByteSource, str | None]
"""Bytes that arrived, and the sha256 that was announced for them, if any."""


def land(
    services: Services,
    incoming: Sequence[Incoming],
    register: Callable[[Transaction, dict[str, int]], _T],
    on_progress: Progress = lambda _: None,
) -> _T:
    """Store files; then ``register``, in the transaction that makes them known, with their row ids by sha256.

    Invalid if bytes do not have the sha256 that was announced.
    """
    for attempt in count(1):
        try:
            return _land(services, incoming, register, on_progress)
        except FreedMeanwhile:
            if attempt == _TRIES:
                raise
    raise AssertionError("unreachable")


def _land(
    services: Services,
    incoming: Sequence[Incoming],
    register: Callable[[Transaction, dict[str, int]], _T],
    on_progress: Progress,
) -> _T:
    with services.objects.landing(services.clock(), on_progress) as landing:
        for source, sha256 in incoming:
            landing.add(source, sha256)
        landing.seal()
        with services.database.write() as tx:
            return register(tx, landing.register(tx))


def receive(services: Services, user_id: int, source: ByteSource, sha256: str) -> None:
    """Store a file that a user sent; they may link it from now on. Invalid if it does not have that sha256."""

    def register(tx: Transaction, ids: dict[str, int]) -> None:
        users.require(tx, user_id)
        possessions.record(tx, user_id, ids[sha256], now=services.clock())

    land(services, [(source, sha256)], register)


def already_here(services: Services, identity: Identity, repository: Repository, sha256s: Iterable[str]) -> set[str]:
    """Of these files, those that need not be sent: the hub has them, undamaged, and the asker may link them.

    What the hub has from others, and the asker may not read, looks exactly like what it does not have.
    """
    wanted = list(sha256s)
    with services.database.read() as tx:
        held = possessions.held(tx, repository.id, wanted)
        here = held.keys() | possessions.linkable(tx, identity, wanted).keys()
        return here - damaged_files(tx, here)
