"""Pushes and pulls of objects that are cut, killed and restarted, many times: little of what arrived comes again."""

import hashlib
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tukar.testing.relations import fresh, stored, tuned

from .files import arrived, contents, noise, write
from .hub import DEADLINE, Commands, HubProcess, Way, wait_for

SIZE = 24 << 20
TIMES = 6
LOST = 3 << 20  # bytes that one end may cost: what was in buffers, and a part that is not kept byte by byte


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One large object, and smaller ones, of which some shrink. The hub has seen none of it before."""
    seed = random.randrange(1 << 40)
    lines = b"".join(b"%d: all work and no play\n" % (seed + number) for number in range(150_000))
    files = {"model.bin": noise(seed, SIZE), "text.json": lines, "more.bin": noise(seed + 1, 3 << 20)}
    return write(tmp_path / "m", files | {"a.txt": b"small"})


def _ends() -> Iterator[int]:
    """After how many bytes of a run it is ended; each time somewhere else."""
    chosen = random.Random(5)
    while True:
        yield chosen.randrange(1 << 20, SIZE // 8)


@pytest.mark.slow
def test_a_push_that_is_killed_again_and_again(
    tukar: Commands, name: str, way: Way, folder: Path, tmp_path: Path
) -> None:
    ends = _ends()
    for _ in range(TIMES):
        target = way.taken + next(ends)
        process = tukar.at(way.url).start("push", folder, name)
        wait_for(lambda process=process, target=target: way.taken >= target or process.poll() is not None)
        process.kill()
        process.communicate(timeout=DEADLINE)
    tukar.at(way.url).json("push", folder, name)
    assert way.taken < SIZE + (5 << 20) + TIMES * LOST
    tukar.json("pull", name, "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == contents(folder)


@pytest.mark.slow
def test_a_pull_that_is_killed_again_and_again(
    tukar: Commands, name: str, way: Way, folder: Path, tmp_path: Path
) -> None:
    tukar.json("push", folder, name)
    ends = _ends()
    for _ in range(TIMES):
        way.stalls_at = way.passed + next(ends)
        process = tukar.at(way.url).start("pull", name, "--to", tmp_path / "pulled")
        wait_for(lambda process=process: way.passed >= (way.stalls_at or 0) or process.poll() is not None)
        process.kill()
        process.communicate(timeout=DEADLINE)
        assert not list(tmp_path.glob("**/snapshot.json"))
    way.stalls_at = None
    tukar.at(way.url).json("pull", name, "--to", tmp_path / "pulled")
    assert way.passed < SIZE + (5 << 20) + TIMES * LOST
    assert contents(tmp_path / "pulled") == contents(folder)


def _stands(folder: Path, least: int) -> bool:
    """Whether that much has come, and nothing more comes: what the line lets through before it stalls is all here."""
    before = arrived(folder)
    time.sleep(0.3)
    return arrived(folder) == before >= least


@pytest.mark.slow
def test_a_pull_of_a_difference_goes_on_where_it_was_killed(
    tukar: Commands, name: str, way: Way, tmp_path: Path
) -> None:
    base = fresh(random.randrange(1 << 32), {"weight": (2048, 4096)})
    before, after = stored(base), stored(tuned(base, 1, change=3e-2))
    for kind, content in (("base", before), ("child", after)):
        tukar.json("push", write(tmp_path / kind, {"model.safetensors": content}), f"{name}-{kind}")
    tukar.json("repack", "--wait")
    blobs = tukar.home / "hub/models--acme--base/blobs"
    blobs.mkdir(parents=True)
    (blobs / hashlib.sha256(before).hexdigest()).write_bytes(before)
    pull = ("pull", f"{name}-child", "--to", tmp_path / "pulled")
    for stop in (2, 4):
        way.stalls_at = stop << 20
        process = tukar.at(way.url).start(*pull)
        wait_for(lambda process=process, stop=stop: _stands(tmp_path, stop << 21) or process.poll() is not None)
        process.kill()
        process.communicate(timeout=DEADLINE)
    way.stalls_at = None
    told = tukar.at(way.url).json(*pull)
    assert contents(tmp_path / "pulled")["model.safetensors"] == after
    difference = tukar.json("stats", f"{name}-child")["stored_bytes"]
    assert 5 << 20 < difference < 0.6 * len(after)
    assert told["fetched_bytes"] < difference - (5 << 19)
    assert way.passed < difference + 3 * (1 << 20)


def test_a_push_whose_line_breaks_again_and_again(
    tukar: Commands, name: str, way: Way, folder: Path, tmp_path: Path
) -> None:
    ends = _ends()
    way.takes_until = [1 << 20]
    for _ in range(TIMES):
        way.takes_until.append(way.takes_until[-1] + next(ends) // 2)
    tukar.at(way.url).json("push", folder, name)
    assert way.takes_until == []
    assert way.taken < SIZE + (5 << 20) + TIMES * LOST
    tukar.json("pull", name, "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == contents(folder)


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["push", "pull"])
def test_a_hub_that_is_killed_again_and_again(tmp_path: Path, folder: Path, verb: str) -> None:
    """It comes back at the same address; the command, which was never told, goes on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    hub = HubProcess(tmp_path / "data").start("--port", port)
    home = tmp_path / "home"
    home.mkdir()
    way = Way(hub.url)
    tukar = Commands(way.url, home)
    if verb == "pull":
        tukar.json("push", folder, "admin/m")
    way.passed = way.taken = 0
    target = ("admin/m", "--to", tmp_path / "pulled") if verb == "pull" else (folder, "admin/m")
    process = tukar.start(verb, *target, "--json")
    ends = _ends()
    for _ in range(3):
        at = next(ends) + way.passed + way.taken
        wait_for(lambda at=at: way.passed + way.taken >= at or process.poll() is not None)
        hub.stop(signal.SIGKILL)
        hub.start("--port", port)
    told, errors = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0, errors
    assert '"via": "objects"' in told
    assert max(way.passed, way.taken) < SIZE + (5 << 20) + 3 * (16 << 20)  # what was in the sockets of a dead hub
    if verb == "push":
        Commands(hub.url, home).json("pull", "admin/m", "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == contents(folder)
    way.close()
    assert hub.stop() == 0


def test_a_second_push_of_the_same_waits_for_the_first_to_end(
    tukar: Commands, name: str, way: Way, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tukar.exchange.transfer.PAUSES", (0.0, 0.0))
    way.takes = 5 << 20
    process = tukar.at(way.url).start("push", folder, name)
    wait_for(lambda: way.taken > 5 << 20)
    second = tukar("push", folder, name)
    assert second.code == 1
    assert "another transfer of the same is under way" in second.stderr
    process.kill()
    process.communicate(timeout=DEADLINE)


@pytest.mark.parametrize("damage", ["torn", "flipped", "zeros", "no table", "wrong table"])
def test_what_a_crash_left_of_a_pull_is_compared(
    tukar: Commands, name: str, way: Way, tmp_path: Path, damage: str
) -> None:
    content = noise(random.randrange(1 << 40), SIZE)
    tukar.json("push", write(tmp_path / "m", {"w.bin": content}), name)
    way.stalls_at = SIZE // 2
    process = tukar.at(way.url).start("pull", name, "--to", tmp_path / "pulled")
    incoming = tmp_path / "pulled.partial/.tukar/incoming"
    wait_for(lambda: arrived(incoming) > SIZE // 3)
    process.kill()
    process.communicate(timeout=DEADLINE)
    (part,), (frame,) = incoming.glob("*.part"), incoming.glob("*.frame")
    _damage(damage, part, frame)
    way.stalls_at, way.passed = None, 0
    tukar.at(way.url).json("pull", name, "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == {"w.bin": content}
    if damage == "torn":
        assert way.passed < SIZE * 3 // 4


def _damage(damage: str, part: Path, frame: Path) -> None:
    size = part.stat().st_size
    if damage == "torn":
        os.truncate(part, size - 100_000)
    elif damage == "flipped":
        data = bytearray(part.read_bytes())
        data[size // 2] ^= 1
        part.write_bytes(data)
    elif damage == "zeros":
        part.write_bytes(part.read_bytes()[: size - 300_000] + bytes(300_000))
    elif damage == "no table":
        frame.unlink()
    else:
        frame.write_bytes(frame.read_bytes()[:100])
