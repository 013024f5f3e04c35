"""What goes on with a swap by itself: fetch what comes, say what is to be said, and end when the time has run out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final, Protocol

from tukar.errors import Conflict, Corrupt, Invalid, NotFound, TukarError, Unavailable
from tukar.exchange import identity, peers, protocol, swaps
from tukar.exchange.hubs import HubClient
from tukar.exchange.local import Announced
from tukar.exchange.patience import Checkpoint
from tukar.exchange.peers import Peer
from tukar.exchange.remote import Source
from tukar.exchange.replies import OutdatedKey
from tukar.exchange.states import Act, State
from tukar.exchange.swap_client import SwapClient
from tukar.exchange.swaps import Moved, Record
from tukar.exchange.text import line
from tukar.exchange.transfer import lacking, transfer
from tukar.jobs.context import JobContext
from tukar.jobs.values import Json
from tukar.objects.index import FreedMeanwhile
from tukar.signing import Envelope
from tukar.types import Digest
from tukar.usecases import hand_over, handing, room
from tukar.usecases.peer import follow
from tukar.usecases.services import Services
from tukar.usecases.swap_steps import apply, hear, rehearse, say, sweep, wake

IDLE: Final = 7 * 86_400.0
"""Seconds without any progress after which an accepted swap is given up, where that is still possible."""
PAUSE: Final = 2.0
"""Seconds until a swap is looked at again, at first: longer, the longer nothing has happened."""
TURN: Final = 600.0
"""Seconds of fetching, without a break, after which other swaps go first."""
_LATE, _GROWTH = 300.0, 0.2
_NEXT: Final = 10.0  # seconds, at most, until a swap is looked at again whose peer was busy with another one
_TRIES: Final = 3
_WATCH: Final = 1.0  # seconds between two looks at whether what comes is still wanted
_LOOK: Final = 0.2  # seconds, in a pause, between two looks at whether to stop


class PeerHub(Protocol):
    """The other hub of a swap."""

    def post(self, swap_id: str, statements: Sequence[Envelope]) -> list[Envelope]:
        """Say something of a swap; what it says. NotFound if it knows no such swap, Unavailable if it is away."""

    def objects(self, swap_id: str) -> Source:
        """What it hands over."""


@contextmanager
def meet(services: Services, peer: Peer, checkpoint: Checkpoint = lambda: None) -> Iterator[PeerHub]:
    """Reach a peer over HTTP. Where it has a new key, it is followed before OutdatedKey is raised.

    ``checkpoint`` is called several times a second; what it raises ends what is under way.
    """
    with services.database.read() as tx:
        key = identity.current(tx)
    try:
        yield SwapClient(HubClient(peer.url, key, peer.fingerprint, services.clock, checkpoint=checkpoint))
    except OutdatedKey:
        follow(services, peer, checkpoint=checkpoint)
        raise


Meet = Callable[[Services, Peer], AbstractContextManager[PeerHub]]
"""How to reach a peer."""


class Turns:
    """The peers that this process is at: with each by one job at a time, so that a slow one holds no more than that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[int] = set()

    @contextmanager
    def take(self, peer_id: int) -> Iterator[bool]:
        """Whether nobody else is at that peer; then nobody else is until the context is left."""
        with self._lock:
            free = peer_id not in self._taken
            self._taken.add(peer_id)
        try:
            yield free
        finally:
            if free:
                with self._lock:
                    self._taken.remove(peer_id)


class _TurnOver(Exception):
    """What is fetched has taken long, and others wait: it goes on later, where it is."""


def drive_in_turn(services: Services, meet: Meet, context: JobContext, turns: Turns, soonest: float) -> Json:
    """The job, unless another one is at a swap with the same peer: then it is looked at again soon after."""
    swap_id = str(context.payload["swap"])
    record = _load(services, swap_id)
    if record is None:
        return {}
    with turns.take(record.peer_id) as free:
        if free:
            return drive(services, meet, context, soonest)
    now = services.clock()
    pause = min(_pause(record, now, soonest), max(soonest, _NEXT))
    with services.database.write() as tx:
        wake(tx, swap_id, now, run_at=now + pause)
    return {}


def drive(services: Services, meet: Meet, context: JobContext, soonest: float = PAUSE) -> Json:
    """The job: go on with a swap as far as it goes now; if it has not ended, it is looked at again later.

    Not before ``soonest`` seconds have passed.
    """
    swap_id = str(context.payload["swap"])
    record = _load(services, swap_id)
    try:
        while record is not None:
            before = record
            record = _once(services, meet, context, before)
            if record is None or record.swap == before.swap:
                break
        over = False
    except _TurnOver:
        record, over = _load(services, swap_id), True
    if record is None:
        return {}
    sweep(services, record)
    if record.is_open or not record.swap.settled:
        now = services.clock()
        with services.database.write() as tx:
            pause = max(soonest, _NEXT) if over else _pause(record, now, soonest)
            wake(tx, swap_id, now, run_at=now + pause)
    return {"state": record.swap.state.value, "error": record.error}


def _pause(record: Record, now: float, soonest: float) -> float:
    return min(max(soonest, (now - record.changed_at) * _GROWTH), _LATE)


def _load(services: Services, swap_id: str) -> Record | None:
    with services.database.read() as tx:
        return swaps.find(tx, swap_id)


def _once(services: Services, meet: Meet, context: JobContext, record: Record) -> Record | None:
    if _is_late(services, record):
        return _step(services, record, Act.EXPIRED, "the time ran out")
    try:
        try:
            _visit(services, meet, context, record)
        except OutdatedKey:  # it was followed to its new one
            _visit(services, meet, context, _load(services, record.id) or record)
        _note(services, record.id, None)
    except TukarError as error:  # whatever the other hub answers, it is asked again later
        _note(services, record.id, error)
    return _load(services, record.id)


def _visit(services: Services, meet: Meet, context: JobContext, record: Record) -> None:
    """Say what is to be said, and fetch what comes if it is time for that."""
    with services.database.read() as tx:
        peer = peers.by_id(tx, record.peer_id)
    with meet(services, peer) as hub:
        _talk(services, hub, record)
        current = _load(services, record.id)
        if current is not None and current.swap.state is State.ACCEPTED and not current.swap.arrived:
            _fetch(services, hub, context, current)
            _talk(services, hub, _load(services, record.id) or current)


def _is_late(services: Services, record: Record) -> bool:
    now = services.clock()
    if record.acceptance_envelope is None:
        late = now > record.terms.expires_at
    else:
        late = now > record.moved.deadline(record.changed_at, IDLE)
    return late and protocol.step(record.swap, Act.EXPIRED).refusal is None


def _step(services: Services, record: Record, act: Act, reason: str) -> Record | None:
    with services.database.write() as tx:
        current = swaps.find(tx, record.id)
        if current is None or protocol.step(current.swap, act).refusal is not None:
            return current
        return apply(services, tx, current, act, reason)


def _talk(services: Services, hub: PeerHub, record: Record) -> None:
    """Say what is to be said, and take the answer."""
    messages = protocol.to_say(record.swap)
    if not messages:
        return
    with services.database.read() as tx:
        statements = say(tx, record, messages)
    try:
        answers = hub.post(record.id, statements)
    except NotFound:
        _reached(services, record.id)
        _step(services, record, Act.UNKNOWN, "")
        return
    _reached(services, record.id)
    for envelope in answers:
        with services.database.write() as tx:
            current = swaps.find(tx, record.id)
            if current is not None:
                hear(services, tx, current, envelope)


def _reached(services: Services, swap_id: str) -> None:
    with services.database.write() as tx:
        swaps.note_reached(tx, swap_id, services.clock())


def _note(services: Services, swap_id: str, error: TukarError | None) -> None:
    """What stands in the way now, for whoever asks how the swap stands; None if nothing does."""
    shown = None if error is None else line(f"{error.message} ({error.hint})" if error.hint else error.message)
    with services.database.read() as tx:
        record = swaps.find(tx, swap_id)
    if record is None or record.error == shown:
        return
    with services.database.write() as tx:
        swaps.note_error(tx, swap_id, shown)


def _fetch(services: Services, hub: PeerHub, context: JobContext, record: Record) -> None:
    """Fetch what comes, verify it, and say that it is here. What is wrong for good ends the swap."""
    try:
        moved = _receive(services, hub.objects(record.id), context, record)
        for item in record.coming:
            handing.check(services, item)
        rehearse(services, record)
    except (Corrupt, Invalid) as error:
        _step(services, record, Act.FAILED, error.message)
        return
    with services.database.write() as tx:
        current = swaps.find(tx, record.id)
        if current is not None and protocol.step(current.swap, Act.ARRIVED).refusal is None:
            apply(services, tx, current.with_(moved=moved), Act.ARRIVED)


def _receive(services: Services, source: Source, context: JobContext, record: Record) -> Moved:
    files = {f.sha256: Announced(f.sha256, f.size, f.manifest) for item in record.coming for f in item.files}
    total = sum(file.size for item in record.coming for file in item.files)
    for attempt in range(_TRIES):
        try:
            return _receive_files(services, source, context, record, list(files.values()), total)
        except FreedMeanwhile:
            if attempt == _TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _receive_files(
    services: Services, source: Source, context: JobContext, record: Record, files: Sequence[Announced], total: int
) -> Moved:
    """Objects first, those that say what files are made of before the others; then the files."""
    destination = hand_over.destination(services, record.arriving, handing.admitted(record.leaving))
    progress = _Progress(services, context, record, total)

    def wait(seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            progress.check()
            time.sleep(min(left, _LOOK))

    try:
        transfer(source, destination, {file.manifest: 0 for file in files}, progress.advance, wait)
        wanted: dict[Digest, int] = {}
        for file in files:
            wanted |= destination.parts_of(file)
        _check_room(services, wanted)
        progress.plan(sum(wanted[digest] for digest in lacking(destination, wanted)))
        transfer(source, destination, wanted, progress.advance, wait)
    finally:
        progress.note()
    for file in files:
        destination.assemble(file, lambda _: context.checkpoint())
    return progress.moved


class _Progress:
    """Notes every second, while something comes, how much it was, over all attempts; and looks whether it is wanted.

    For a stream can be made to last for ever.
    """

    def __init__(self, services: Services, context: JobContext, record: Record, total: int) -> None:
        self._services, self._context = services, context
        self._swap_id, self._total = record.id, total
        with services.database.read() as tx:
            self.moved = swaps.moved(tx, record.id)
        self._came = self._noted = 0
        self._noted_at = time.monotonic()
        self._over_at = self._noted_at + TURN

    def plan(self, left: int) -> None:
        """So many bytes are still to come."""
        self.note()
        self.moved = self.moved.plan(left, self._total)
        self.note()

    def advance(self, size: int) -> None:
        """So many bytes have come. Conflict if the swap has ended, or its time has run out."""
        self._came += size
        self._context.progress(self._came, self._total, note=f"swap {self._swap_id[:12]}")
        self.check()
        if time.monotonic() >= self._noted_at + _WATCH and not self.note():
            raise Conflict("the swap ended while something was still coming")

    def check(self) -> None:
        """Return if it may go on. Raises as the context's checkpoint, and `_TurnOver`."""
        self._context.checkpoint()
        if time.monotonic() >= self._over_at:
            raise _TurnOver

    def note(self) -> bool:
        """Store it, for whoever asks how the swap stands; whether the swap still waits for what comes."""
        self._noted_at = time.monotonic()
        try:
            with self._services.database.write() as tx:
                fetched = self.moved.fetched + self._came - self._noted
                moved = self.moved.grown(fetched, self._total, self._services.clock())
                since = swaps.note_fetched(tx, self._swap_id, moved)
        except Unavailable:  # the next time will do
            return True
        self.moved, self._noted = moved, self._came
        return since is not None and self._services.clock() <= moved.deadline(since, IDLE)


def _check_room(services: Services, wanted: Mapping[Digest, int]) -> None:
    """Unavailable if what comes cannot fit: better now than when the disk is full. It is looked at again later."""
    with services.database.read() as tx:
        lacking = room.of_objects(tx, wanted)
    shortage = room.shortage(services, lacking)
    if shortage is not None:
        raise Unavailable(shortage, hint="make room, and it goes on by itself; or cancel the swap")
