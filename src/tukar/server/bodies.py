"""Bodies of requests that a thread takes in while they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from anyio import (
    CapacityLimiter,
    EndOfStream,
    create_memory_object_stream,
    create_task_group,
    fail_after,
    from_thread,
    to_thread,
)
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from starlette.requests import ClientDisconnect, Request

from tukar.errors import Unavailable
from tukar.server.errors import TooLarge

_GATHERED: Final = 256 << 10  # bytes handed over at once: each costs a turn of the event loop
_AHEAD: Final = 1  # of these, while the thread works: what is in memory is lost with the process
_PATIENCE: Final = 10.0  # seconds without a byte: a client that has gone unnoticed must not bar its own return
_END: Final = b""

_T = TypeVar("_T")
_Item = bytes | Exception


async def taken(request: Request, limit: int, take: Callable[[Iterator[bytes]], _T], limiter: CapacityLimiter) -> _T:
    """What ``take`` gives, in a thread, for the pieces of the body, which it draws as they come.

    An end that comes too early is raised there: whatever came before has been drawn. TooLarge beyond ``limit`` bytes.
    """
    sender, receiver = create_memory_object_stream[_Item](_AHEAD)
    results: list[_T] = []
    failures: list[Exception] = []
    with receiver:
        async with create_task_group() as group:
            group.start_soon(_gather, request, limit, sender)
            try:
                results.append(await to_thread.run_sync(lambda: take(_drawn(receiver)), limiter=limiter))
            except Exception as error:  # out of the group by itself, not in an ExceptionGroup
                failures.append(error)
            group.cancel_scope.cancel()
    for failure in failures:
        raise failure
    return results[0]


def _drawn(receiver: MemoryObjectReceiveStream[_Item]) -> Iterator[bytes]:
    while True:
        try:
            item = from_thread.run(receiver.receive)
        except EndOfStream:
            raise ClientDisconnect from None
        if isinstance(item, Exception):
            raise item
        if item == _END:
            return
        yield item


async def _gather(request: Request, limit: int, sender: MemoryObjectSendStream[_Item]) -> None:
    size, gathered = 0, bytearray()
    stream = request.stream()
    with sender:
        try:
            while True:
                with fail_after(_PATIENCE):
                    piece = await anext(stream, None)
                if piece is None:
                    break
                size += len(piece)
                if size > limit:
                    raise TooLarge(limit)
                gathered += piece
                if len(gathered) >= _GATHERED:
                    await sender.send(bytes(gathered))
                    gathered.clear()
            ending: _Item = _END
        except TimeoutError:
            ending = Unavailable(f"nothing came for {_PATIENCE:.0f} seconds")
        except (ClientDisconnect, TooLarge) as error:
            ending = error
        if gathered:
            await sender.send(bytes(gathered))
        await sender.send(ending)
