"""What a second processor adds to decoding: two threads beside one, and beside two processes that share nothing.

The processes, each of which decodes the whole model, show what the machine itself allows: two of its processors may be
one core, and they share caches, memory and clock.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.storage.coders import Coder, Stored, Tukar
from benchmarks.storage.measure import SPEEDS, Say, on_all_processors
from benchmarks.storage.models import Model, Tensor

_Kept = Sequence[tuple[Tensor, Stored]]


@dataclass
class Two:
    """How fast one coder decodes a model: raw bytes a second of the best round."""

    model: str
    coder: str
    thread: float = 0
    threads: float = 0
    processes: float = 0


def measure(model: Model, tensors: Sequence[Tensor], coders: Sequence[Coder], rounds: int, say: Say) -> list[Two]:
    """All of Tukar's kernels with a model; nothing for those whose speeds are not shown."""
    found = []
    for coder in coders if model.id in SPEEDS else ():
        if isinstance(coder, Tukar) and (coder.only is None or model.id in coder.only):
            two = Two(model.id, coder.name)
            kept = [(tensor, coder.encode(tensor)) for tensor in tensors]
            _decode(coder, kept)  # what is compiled or loaded at first use
            for _ in range(rounds):
                _round(coder, kept, two)
            say(f"{model.id}, two processors: {two.coder}: {two.threads / two.thread:.2f} of one thread")
            found.append(two)
    return found


def _round(coder: Tukar, kept: _Kept, two: Two) -> None:
    size = sum(tensor.known.size for tensor, _ in kept)
    two.thread = max(two.thread, size / _seconds(lambda: _decode(coder, kept)))
    with on_all_processors():
        two.threads = max(two.threads, size / _seconds(lambda: _decode_by_threads(coder, kept)))
        two.processes = max(two.processes, 2 * size / _seconds_of_processes(coder, kept))


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _decode(coder: Tukar, kept: _Kept) -> None:
    for tensor, stored in kept:
        for _ in coder.decode(stored, tensor.known):
            pass


def _decode_by_threads(coder: Tukar, kept: _Kept) -> None:
    """As a hub does: threads take the next block, of whichever tensor. Most tensors of small models are one block."""
    coder.choose()
    places = ((tensor, stored, start) for tensor, stored in kept for start in coder.blocks(tensor.known))

    def decode(place: tuple[Tensor, Stored, int]) -> None:
        tensor, stored, start = place
        coder.block(stored, tensor.known, start)

    with ThreadPoolExecutor(2) as executor:
        for _ in executor.map(decode, places):
            pass


def _seconds_of_processes(coder: Tukar, kept: _Kept) -> float:
    """From when both are ready until both are done."""
    context = multiprocessing.get_context("fork")  # what is decoded need not be sent to them
    ready, done = context.Barrier(3), context.Barrier(3)

    def work() -> None:
        ready.wait()
        _decode(coder, kept)
        done.wait()

    processes = [context.Process(target=work) for _ in range(2)]
    for process in processes:
        process.start()
    ready.wait()
    began = time.perf_counter()
    done.wait()
    seconds = time.perf_counter() - began
    for process in processes:
        process.join()
    return seconds
