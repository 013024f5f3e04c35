"""Coder by coder over a model: bytes, seconds, and whether what is decoded is what was encoded.

In each round each coder encodes the model and decodes it, in turn, so that a change of the machine's mood meets all of
them; what counts is the best round. Seconds are of the coder alone: its input is in memory, and its output is dropped.
The process keeps to one processor.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from benchmarks.storage.coders import Coder, Stored
from benchmarks.storage.models import Model, Tensor, joined

SCOPES = ("all", "linear")
"""The whole model, and its linear layers alone."""

SPEEDS = ("llm/heavy-1", "llm/light-1", "minilm/a", "minilm/b")
"""The models whose speeds are shown: each family's that differ most and least from their base."""

Seconds = dict[str, float]


@dataclass
class Result:
    """Of one coder with one model; by scope. What a coder does not make shorter counts as it is.

    Attributes:
        encode, decode: seconds of the best round.
        shares: of each linear layer, stored by raw.
    """

    model: str
    group: str
    coder: str
    note: str
    exact: bool = True
    raw: dict[str, int] = field(default_factory=dict)
    stored: dict[str, int] = field(default_factory=dict)
    encode: Seconds = field(default_factory=dict)
    decode: Seconds = field(default_factory=dict)
    shares: list[float] = field(default_factory=list)

    def share(self, scope: str) -> float:
        """Stored by raw."""
        return self.stored[scope] / self.raw[scope]

    def speed(self, seconds: Seconds, scope: str = "all") -> float | None:
        """Raw bytes a second; None if it was not measured."""
        return self.raw[scope] / seconds[scope] if seconds.get(scope) else None


Say = Callable[[str], None]


def measure(model: Model, tensors: Sequence[Tensor], coders: Sequence[Coder], rounds: int, say: Say) -> list[Result]:
    """All coders with one model."""
    chosen = [coder for coder in coders if coder.only is None or model.id in coder.only]
    results = {coder.name: Result(model.id, model.group, coder.name, coder.note) for coder in chosen}
    files = _files(model, tensors)
    for number in range(rounds):
        for coder in chosen:
            if number and coder.is_slow:
                continue
            given = files if coder.takes_files else list(tensors)
            if not number:
                _warm(coder, given)
            _round(coder, given, results[coder.name], is_first=not number)
            say(f"{model.id}, round {number + 1} of {rounds}: {_summary(results[coder.name])}")
    return list(results.values())


def _files(model: Model, tensors: Sequence[Tensor]) -> list[Tensor]:
    linear = [tensor for tensor in tensors if tensor.is_linear]
    return [joined("all", list(tensors), model.dtype), joined("linear", linear, model.dtype)]


def _warm(coder: Coder, given: Sequence[Tensor]) -> None:
    """What is compiled or loaded at first use is no part of a round."""
    if coder.takes_files:
        return
    shapes = {len(tensor.known.shape): tensor for tensor in given}
    for tensor in shapes.values():
        for _ in coder.decode(coder.encode(tensor), tensor.known):
            pass


def _round(coder: Coder, given: Sequence[Tensor], result: Result, is_first: bool) -> None:
    stored, encode = [], []
    for tensor in given:
        coder.prepare(tensor)
        started = time.perf_counter()
        stored.append(coder.encode(tensor))
        encode.append(time.perf_counter() - started)
        if coder.takes_files:  # it has room for one
            _note(coder, [(tensor, stored[-1], encode[-1])], tensor.name, result, is_first)
    if coder.takes_files:
        return
    measured = list(zip(given, stored, encode, strict=True))
    _note(coder, measured, "all", result, is_first)
    _note(coder, [each for each in measured if each[0].is_linear], "linear", result, is_first)
    if is_first:
        result.shares = [_size(tensor, kept) / tensor.known.size for tensor, kept, _ in measured if tensor.is_linear]


Measured = tuple[Tensor, Stored, float]


def _note(coder: Coder, measured: Sequence[Measured], scope: str, result: Result, is_first: bool) -> None:
    result.raw[scope] = sum(tensor.known.size for tensor, _, _ in measured)
    result.stored[scope] = sum(_size(tensor, stored) for tensor, stored, _ in measured)
    _best(result.encode, scope, sum(seconds for _, _, seconds in measured))
    _best(result.decode, scope, sum(_timed(coder.decode(stored, tensor.known)) for tensor, stored, _ in measured))
    if is_first:
        result.exact &= all(_is_exact(coder, stored, tensor) for tensor, stored, _ in measured)


def _size(tensor: Tensor, stored: Stored) -> int:
    return min(stored.size, tensor.known.size)


def _best(seconds: Seconds, scope: str, measured: float) -> None:
    seconds[scope] = min(measured, seconds.get(scope, measured))


def _timed(pieces: Iterator[Any]) -> float:
    started = time.perf_counter()
    for _ in pieces:
        pass
    return time.perf_counter() - started


def _is_exact(coder: Coder, stored: Stored, tensor: Tensor) -> bool:
    hasher = sha256()
    for piece in coder.decode(stored, tensor.known):
        hasher.update(piece)
    return hasher.digest() == sha256(tensor.raw).digest()


def _summary(result: Result) -> str:
    encode, decode = (result.speed(seconds) or 0.0 for seconds in (result.encode, result.decode))
    exact = "" if result.exact else ", NOT EXACT"
    return f"{result.coder}: {result.share('all'):.1%}, {encode / 1e6:.0f} and {decode / 1e6:.0f} MB/s{exact}"


_PROCESSORS = os.sched_getaffinity(0)


def keep_to_one_processor() -> None:
    """From now on, this process and what it starts: a peer's own threads gain nothing."""
    os.sched_setaffinity(0, {max(_PROCESSORS)})


@contextmanager
def on_all_processors() -> Iterator[None]:
    """Threads and processes that are started meanwhile have all of them."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, _PROCESSORS)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
