"""Pushes, pulls and swaps of one large model, interrupted again and again: which share of the bytes travels again.

Between the two sides stands a proxy that counts. Each interruption is one of three, in turn: the side that asked for
the transfer is killed (SIGKILL), every connection is cut, the other side is killed and comes back at the same address.
They come after a part of the model has passed, each time another part, so that an end that loses nothing sees all of
them. A client that ended is started again, as people do, until it succeeds; hubs that swap go on by themselves.

"Again" is what passed beyond an undisturbed run of the same kind. Bytes that were in the buffers of a socket when a
process died have passed, and are counted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.processes import DEMO, TOKEN, TUKAR, Server, await_ready, client, free_port
from benchmarks.transfer import NAME, REPOSITORY, make

KINDS = ("the asking side killed", "connections cut", "the other side killed")
INTERRUPTIONS = 20
_LONGEST = 1800.0  # seconds for one client and its interruptions
_RUNS = 200
_HELD = 64 << 10  # bytes


@dataclass(frozen=True)
class Run:
    """What one client did."""

    name: str
    interruptions: int
    starts: int
    plain: int
    passed: int

    @property
    def again(self) -> float:
        """The share of bytes that travelled again."""
        return (self.passed - self.plain) / self.plain


class Hub:
    """A hub that can be killed, and comes back at the same address."""

    def __init__(self, data: Path) -> None:
        self._data, self.port = data, free_port()
        self.server = Server(f"http://127.0.0.1:{self.port}", 0)
        self.start()

    def start(self) -> None:
        command = [str(TUKAR), "serve", "--data", str(self._data), "--port", str(self.port)]
        with self._data.with_name(f"{self._data.name}.log").open("ab") as log:
            environment = os.environ | {"TUKAR_ADMIN_TOKEN": TOKEN}
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        await_ready(f"http://127.0.0.1:{self.port}/ready", self.process)

    def restart(self) -> None:
        self.process.kill()
        self.process.wait()
        self.start()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


class Line:
    """A TCP proxy to a hub: it counts what passes, up to the hub and down from it, and can cut everything."""

    def __init__(self, hub_port: int) -> None:
        self._hub = ("127.0.0.1", hub_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.up = self.down = 0
        self.server = Server(f"http://127.0.0.1:{self._listener.getsockname()[1]}", 0)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        for end in list(self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(self._hub)
                except OSError:
                    near.close()
                    continue
                for end in (near, far):  # what the proxy itself holds would be counted
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _HELD)
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _HELD)
                self._open |= {near, far}
                threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        """One connection, to its end: then both sides are told, as by a machine that has lost the other."""
        down = threading.Thread(target=self._pump, args=(far, near, "down"), daemon=True)
        down.start()
        self._pump(near, far, "up")
        down.join()
        self._open -= {near, far}
        near.close()
        far.close()

    def _pump(self, source: socket.socket, target: socket.socket, way: str) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                setattr(self, way, getattr(self, way) + len(data))
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def run(folder: Path, options: argparse.Namespace) -> str:
    """Measure, and return the report as Markdown."""
    os.environ["TUKAR_SWAP_PAUSE"] = "0.1"
    source = folder / "source"
    source.mkdir(exist_ok=True)
    size = make(source / NAME, options.mib)
    model, work = str(source / NAME), folder / "interruptions"
    cases: dict[str, Begin] = {
        "tukar push": _pushing(source, str(TUKAR), "push", str(source), REPOSITORY),
        "hf upload": _pushing(source, str(DEMO / "hf"), "upload", REPOSITORY, model, NAME),
        "tukar pull": _pulling(source, str(TUKAR), "pull", REPOSITORY, "--to", str(work / "pulled")),
        "hf download": _pulling(source, str(DEMO / "hf"), "download", REPOSITORY),
        "tukar swap": _swapping(source),
    }
    return _report(size, [_measure(work, size, name, begin) for name, begin in cases.items()])


def _measure(work: Path, size: int, name: str, begin: Begin) -> Run:
    print(name, flush=True)
    passed = []
    for interruptions in (0, INTERRUPTIONS):
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        with begin(work) as under_way:
            before = under_way.passed()
            made = _drive(under_way, interruptions, size)
            passed.append(under_way.passed() - before)
    return Run(name, made, under_way.starts, *passed)


class UnderWay(Protocol):
    """Something that moves a model."""

    starts: int

    def passed(self) -> int:
        """The bytes that have passed, the way that the model goes."""

    def has_ended(self) -> bool:
        """Whether it has succeeded; what ended otherwise is started again."""

    def kill(self) -> None:
        """Kill the side that asked for it."""

    def cut(self) -> None:
        """Cut every connection."""

    def kill_other(self) -> None:
        """Kill the other side, which comes back."""


Begin = Callable[[Path], AbstractContextManager[UnderWay]]
"""Prepares everything in a folder; the thing itself begins when it is first asked whether it has ended."""


def _drive(under_way: UnderWay, interruptions: int, size: int) -> int:
    """Let it run to its end, and interrupt it on the way; how often that was possible."""
    deadline = time.monotonic() + _LONGEST
    chosen = random.Random(interruptions)
    step = size / (interruptions + 1)
    for number in range(interruptions):
        target = under_way.passed() + int(step * chosen.uniform(0.4, 0.9))
        while not _has_passed(under_way, target):
            if _ended(under_way, deadline):
                return number
        (under_way.kill, under_way.cut, under_way.kill_other)[number % len(KINDS)]()
    while not _ended(under_way, deadline):
        time.sleep(0.05)
    return interruptions


def _has_passed(under_way: UnderWay, target: int) -> bool:
    """Whether so much has passed by now, or does within a moment."""
    until = time.monotonic() + 0.1
    while under_way.passed() < target and time.monotonic() < until:
        time.sleep(0.002)
    return under_way.passed() >= target


def _ended(under_way: UnderWay, deadline: float) -> bool:
    if time.monotonic() > deadline or under_way.starts > _RUNS:
        raise RuntimeError(f"it did not get through: {under_way.starts} starts")
    return under_way.has_ended()


@dataclass
class _Command:
    """A client that talks to a hub."""

    hub: Hub
    line: Line
    way: str
    command: Sequence[str]
    environment: Mapping[str, str]
    starts: int = 0
    process: subprocess.Popen[bytes] | None = None

    def passed(self) -> int:
        return self.line.up if self.way == "up" else self.line.down

    def has_ended(self) -> bool:
        if self.process is None or self.process.poll() not in (None, 0):
            self.starts += 1
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        return self.process.poll() == 0

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def cut(self) -> None:
        self.line.cut()

    def kill_other(self) -> None:
        self.hub.restart()


def _pushing(source: Path, *command: str) -> Begin:
    @contextmanager
    def begin(work: Path) -> Iterator[UnderWay]:
        with _hub(work / "hub") as hub, _line(hub) as line:
            yield _Command(hub, line, "up", command, client(line.server, work / "home"))

    return begin


def _pulling(source: Path, *command: str) -> Begin:
    @contextmanager
    def begin(work: Path) -> Iterator[UnderWay]:
        with _hub(work / "hub") as hub, _line(hub) as line:
            _say(hub, "push", str(source), REPOSITORY)
            yield _Command(hub, line, "down", command, client(line.server, work / "home"))

    return begin


@dataclass
class _Swap:
    """A gift from one hub to another."""

    giver: Hub
    taker: Hub
    line: Line
    swap: str
    starts: int = 0

    def passed(self) -> int:
        return self.line.down

    def has_ended(self) -> bool:
        if not self.starts:
            self.starts = 1
            _say(self.taker, "swap", "accept", self.swap)
        state = _asked(self.taker, f"/api/tukar/swaps/{self.swap}")["state"]
        if state not in ("accepted", "prepared", "published"):
            raise RuntimeError(f"the swap is {state}")
        return bool(state == "published")

    def kill(self) -> None:
        self.taker.restart()

    def cut(self) -> None:
        self.line.cut()

    def kill_other(self) -> None:
        self.giver.restart()


def _swapping(source: Path) -> Begin:
    @contextmanager
    def begin(work: Path) -> Iterator[UnderWay]:
        with _hub(work / "giver") as giver, _hub(work / "taker") as taker, _line(giver) as line:
            _say(giver, "push", str(source), REPOSITORY)
            for near, far, address, name in (
                (taker, giver, line.server.url, "giver"),
                (giver, taker, taker.server.url, "taker"),
            ):
                fingerprint = _say(far, "identity")["fingerprint"]
                _say(near, "peer", "add", address, "--name", name, "--fingerprint", fingerprint)
            swap = _say(giver, "swap", "offer", "taker", "--give", REPOSITORY)["id"]
            while not _say(taker, "swap", "inbox"):
                time.sleep(0.1)
            yield _Swap(giver, taker, line, swap)

    return begin


@contextmanager
def _hub(data: Path) -> Iterator[Hub]:
    hub = Hub(data)
    try:
        yield hub
    finally:
        hub.stop()


@contextmanager
def _line(hub: Hub) -> Iterator[Line]:
    line = Line(hub.port)
    try:
        yield line
    finally:
        line.close()


def _say(hub: Hub, *arguments: str) -> Any:
    """What a command of Tukar says to a hub."""
    environment = client(hub.server, Path("/nonexistent"))
    command = [str(TUKAR), *arguments, "--json"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def _asked(hub: Hub, path: str) -> dict[str, str]:
    asked = urllib.request.Request(hub.server.url + path, headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(asked) as answer:
        found: dict[str, str] = json.load(answer)
    return found


def _report(size: int, runs: Sequence[Run]) -> str:
    kinds = ", ".join(KINDS)
    lines = [
        f"{size / 1e9:.2f} GB of bfloat16-like weights in a file, interrupted {INTERRUPTIONS} times: {kinds}, in turn.",
        "",
        "| what moves it | interruptions | starts | MB undisturbed | MB interrupted | again |",
        "|---|---|---|---|---|---|",
    ]
    for each in runs:
        cells = f"{each.interruptions} | {each.starts} | {each.plain / 1e6:.1f} | {each.passed / 1e6:.1f}"
        lines.append(f"| {each.name} | {cells} | {each.again:.1%} |")
    return "\n".join(lines)
