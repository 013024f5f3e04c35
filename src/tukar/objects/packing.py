"""The packs of a landing: while one is written, one is made durable, and the one before that is read back.

Each step is bound by something else (the source and BLAKE3, the disk, SHA-256), so each has a thread of its own.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from tukar.codecs.base import TensorView
from tukar.database import Database
from tukar.errors import Corrupt
from tukar.objects import index, registration
from tukar.objects.encoding import codec_for
from tukar.objects.index import Location
from tukar.objects.packs import key, read_footer
from tukar.objects.writing import PackWriter
from tukar.storage.base import Storage
from tukar.types import Digest

Finished = Callable[[], None]
"""Called, perhaps in another thread, when all packs but the one that is being written are durable."""


@dataclass(slots=True)
class Packing:
    """Packs that nobody knows of yet.

    Attributes:
        packs: all of them, the last perhaps unfinished.
        objects: where the objects in them are.
    """

    database: Database
    storage: Storage
    now: float
    block_size: int
    pack_size: int
    packs: list[PackWriter] = field(default_factory=list)
    objects: dict[Digest, Location] = field(default_factory=dict)
    _open: PackWriter | None = None
    _closer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "landing-close"))
    _prover: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "landing-prove"))
    _closing: Future[None] | None = None
    _proving: deque[Future[None]] = field(default_factory=deque)

    def add(self, digest: Digest, kind: int, view: TensorView, on_finished: Callable[[], Finished]) -> None:
        """Store an object.

        When a pack is full, ``on_finished`` is asked for what is to be done when it is durable.
        """
        pack = self._open
        if pack is not None and not pack.has_room(self.pack_size):
            self._finish_aside(pack, on_finished())
            pack = None
        if pack is None:
            pack = self._begin()
        record = pack.add(digest, kind, codec_for(view, self.block_size), view, self.block_size)
        self.objects[digest] = Location(pack.id, record)

    def _begin(self) -> PackWriter:
        pack_id = secrets.token_hex(16)
        with self.database.write() as tx:
            registration.begin_pack(tx, pack_id, self.now)
        pack = PackWriter(self.storage, pack_id)
        self.packs.append(pack)
        self._open = pack.__enter__()
        return pack

    def _finish_aside(self, pack: PackWriter, finished: Finished) -> None:
        self._wait(behind=1)  # so that two packs at most are open, and little is held
        self._open = None
        self._closing = self._closer.submit(self._close, pack)
        self._proving.append(self._prover.submit(_prove, self._closing, finished))

    def _close(self, pack: PackWriter) -> None:
        pack.__exit__(None, None, None)
        if read_footer(self.storage, pack.id) != pack.records:
            raise Corrupt(f"pack {pack.id} was not stored as it was written", hint="try again")

    def _wait(self, behind: int) -> None:
        """Wait until no pack is being closed, and at most so many are to be read back; raises what went wrong there."""
        if self._closing is not None:
            self._closing.result()
        while len(self._proving) > behind:
            self._proving.popleft().result()

    def close(self, finished: Finished) -> None:
        """Make the last pack durable, and then do what ``finished`` says, in this thread."""
        self._wait(behind=1)
        pack, self._open = self._open, None
        if pack is not None:
            self._close(pack)
        self._wait(behind=0)
        finished()

    def abandon(self, error: BaseException) -> None:
        """Stop, whatever is under way; an unfinished pack is never visible."""
        self._closer.shutdown(cancel_futures=True)
        self._prover.shutdown(cancel_futures=True)
        pack, self._open = self._open, None
        if pack is not None:
            pack.__exit__(type(error), error, error.__traceback__)

    def drop_unregistered(self) -> None:
        """Remove those packs that were not registered."""
        with self.database.read() as tx:
            left = index.unregistered(tx, [pack.id for pack in self.packs])
        drop_packs(self.database, self.storage, left)


def _prove(closing: Future[None], finished: Finished) -> None:
    closing.result()
    finished()


def drop_packs(database: Database, storage: Storage, pack_ids: Sequence[str]) -> None:
    """Remove packs in which no known object is. The rows go last: a blob without a row is nobody's."""
    for pack_id in pack_ids:
        storage.delete(key(pack_id))
    if pack_ids:
        with database.write() as tx:
            registration.forget_packs(tx, pack_ids)
