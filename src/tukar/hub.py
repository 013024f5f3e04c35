"""The composition root: from a configuration to a running hub.

The data folder::

    DATA/lock               held while a hub runs on it
    DATA/database.sqlite    repositories, users, the index (or wherever database_url says)
    DATA/objects/           packs (or wherever storage_url says)
    DATA/arrivals/          what arrives from elsewhere, in part; goes on after a restart
    DATA/staging/           volatile: uploads on their way; emptied at every start
"""

from __future__ import annotations

import logging
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from tukar.cas import epochs
from tukar.cas.staging import Staging
from tukar.cas.store import XorbStore
from tukar.config import Config
from tukar.database import Database, facts
from tukar.database.migrate import migrate
from tukar.errors import Unavailable
from tukar.exchange import identity
from tukar.jobs import queue
from tukar.jobs.runner import Runner
from tukar.objects.gc import sweep_landings
from tukar.objects.store import ObjectStore
from tukar.storage.base import Storage
from tukar.storage.folder import FolderStorage, make_durable
from tukar.storage.oserrors import os_errors_unavailable
from tukar.storage.remote import ObjectStoreStorage
from tukar.storage.retry import RetryStorage
from tukar.usecases import accounts, background
from tukar.usecases.services import Services

_SIGNING: Final = "signing"
_POLL, _SHORTEST_POLL = 5.0, 0.05  # seconds between two looks at which jobs are due
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub that is open.

    Attributes:
        secret: what the addresses and tokens that it gives out are signed with.
        spool: the folder for request bodies on their way in.
        runner: does the background jobs; whoever serves the hub starts and stops it.
        new_admin_token: the administrator's token, if it was made at this start.
    """

    config: Config
    services: Services
    secret: bytes
    spool: Path
    runner: Runner
    new_admin_token: str | None


@contextmanager
def open_hub(config: Config, clock: Callable[[], float] = time.time) -> Iterator[Hub]:
    """Open the data folder of a hub, made if it is missing, and hold it.

    Unavailable if another process holds it, or if it cannot be made.
    """
    with _opening(config.data):
        is_new = not config.data.exists()
        make_durable(config.data)
        if is_new:
            config.data.chmod(0o700)  # private models are in it
    with _lock(config.data):
        database = Database(config.database)
        try:
            migrate(database)
            if database.is_sqlite:
                with _opening(config.data):
                    make_durable(config.data / "objects")  # and with it the entry of the database's file
            yield _compose(config, database, clock)
        finally:
            database.close()


def _opening(data: Path) -> AbstractContextManager[None]:
    return os_errors_unavailable(f"open the data folder {data}")


@contextmanager
def _lock(data: Path) -> Iterator[None]:
    lock = FileLock(data / "lock")
    with _opening(data):
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise Unavailable(
                f"another process has the data folder {data} open",
                hint="let commands speak to the running hub: set HF_ENDPOINT and HF_TOKEN instead of --data",
            ) from None
    try:
        yield
    finally:
        lock.release()


def _compose(config: Config, database: Database, clock: Callable[[], float]) -> Hub:
    storage = _storage(config)
    spool, staging = _volatile(config.data)
    objects = ObjectStore(database, storage)
    services = Services(database, objects, XorbStore(database, objects, staging), clock, config.data / "arrivals")
    sweep_landings(database, storage)
    with database.write() as tx:
        identity.prepare(tx, clock())
        epochs.begin(tx)  # what was staged is gone, and the folder may be a restored backup
        services.xorbs.forget_empty(tx)
        if database.is_sqlite:  # nobody else can be at work on it; on a server, other workers may be
            queue.cut_off(tx, clock())
        secret = facts.get(tx, _SIGNING)
        if secret is None:
            secret = secrets.token_hex(32)
            facts.put(tx, _SIGNING, secret)
    token = accounts.prepare_admin(services, config.admin_token)
    runner = Runner(
        database,
        background.handlers(services, config),
        recurring=background.recurring(config),
        clock=clock,
        threads=sum(background.AT_ONCE.values()),
        at_once=background.AT_ONCE,
        poll_seconds=min(_POLL, max(_SHORTEST_POLL, config.swap_pause)),
    )
    return Hub(config, services, bytes.fromhex(secret), spool, runner, token)


def _volatile(data: Path) -> tuple[Path, Staging]:
    """The folders for what is on its way in, emptied."""
    folder = data / "staging"
    with _opening(data):
        shutil.rmtree(folder, ignore_errors=True)
        spool = folder / "spool"
        spool.mkdir(parents=True)
        return spool, Staging(folder / "xorbs")


def _storage(config: Config) -> Storage:
    if config.storage_url:
        return RetryStorage(ObjectStoreStorage.from_url(config.storage_url))
    storage = FolderStorage(config.data / "objects")
    storage.sweep()
    return storage
