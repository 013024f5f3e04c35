"""Which states the simulated power cut can leave: all that a disk could, and none that it could not."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from .powercut.log import Event, Operation
from .powercut.recording import contents
from .powercut.simulator import Mode, Trace

SEEDS = 300
NEW = os.O_CREAT | os.O_WRONLY


def event(operation: Operation, handle: int = 0, offset: int = 0, path: str = "", other: str = "", data: bytes = b""):
    return Event(operation, handle, offset, path, other, memoryview(data))


class Script:
    """Events as a program would cause them; every open has a handle of its own."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._handles = itertools.count(1)

    def open(self, path: str, flags: int = NEW) -> int:
        handle = next(self._handles)
        self.events.append(event(Operation.OPEN, handle, flags, path))
        return handle

    def write(self, handle: int, data: bytes, offset: int = 0) -> None:
        self.events.append(event(Operation.WRITE, handle, offset, data=data))

    def truncate(self, handle: int, size: int) -> None:
        self.events.append(event(Operation.TRUNCATE, handle, size))

    def sync(self, *handles: int) -> None:
        self.events += [event(Operation.SYNC, handle) for handle in handles]

    def sync_folder(self, path: str = "") -> None:
        self.sync(self.open(path, os.O_RDONLY | os.O_DIRECTORY))

    def names(self, operation: Operation, path: str, other: str = "") -> None:
        self.events.append(event(operation, path=path, other=other))

    def mark(self, text: str) -> None:
        self.names(Operation.MARKER, text)

    def trace(self, initial: dict[str, bytes | str | None] | None = None) -> Trace:
        return Trace(initial or {}, self.events)


def state(trace: Trace, folder: Path, mode: Mode, seed: int = 0, cut: int | None = None) -> dict[str, object]:
    target = folder / f"{mode}-{seed}-{cut}"
    trace.build(trace.cuts()[-1] if cut is None else cut, seed, mode, target)
    return contents(target)


def states(trace: Trace, folder: Path) -> list[dict[str, object]]:
    """The different states that a cut at the end can leave."""
    found: list[dict[str, object]] = []
    for seed in range(SEEDS):
        one = state(trace, folder, "random", seed)
        if one not in found:
            found.append(one)
    return found


@pytest.fixture
def script() -> Script:
    return Script()


# Names


def test_a_new_file_has_no_name_until_its_folder_is_synced(script: Script, scratch: Path) -> None:
    file = script.open("a")
    script.write(file, b"x")
    script.sync(file)
    assert state(script.trace(), scratch, "strict") == {}
    script.sync_folder()
    assert state(script.trace(), scratch, "strict", 1) == {"a": b"x"}


def test_a_synced_name_says_nothing_about_the_content(script: Script, scratch: Path) -> None:
    script.write(script.open("a"), b"x")
    script.sync_folder()
    assert state(script.trace(), scratch, "strict") == {"a": b""}
    assert state(script.trace(), scratch, "everything") == {"a": b"x"}


def test_a_folder_without_a_durable_name_takes_its_files_along(script: Script, scratch: Path) -> None:
    script.names(Operation.MKDIR, "d")
    script.sync(script.open("d/a"))
    script.sync_folder("d")
    assert state(script.trace(), scratch, "strict") == {}
    assert {len(one) for one in states(script.trace(), scratch)} == {0, 2}


def test_a_rename_has_one_name_or_the_other(script: Script, scratch: Path) -> None:
    script.names(Operation.RENAME, "a", "b")
    found = states(script.trace({"a": b"new", "b": b"old"}), scratch)
    assert sorted(found, key=len) == [{"b": b"new"}, {"a": b"new", "b": b"old"}]


def test_a_chain_of_renames_never_shows_two_names(script: Script, scratch: Path) -> None:
    script.names(Operation.RENAME, "a", "b")
    script.names(Operation.RENAME, "b", "c")
    found = states(script.trace({"a": b"x"}), scratch)
    assert sorted(found, key=str) == [{"a": b"x"}, {"b": b"x"}, {"c": b"x"}]


def test_a_rename_is_durable_with_the_folder_that_it_goes_to(script: Script, scratch: Path) -> None:
    initial: dict[str, bytes | str | None] = {"from": None, "to": None, "from/a": b"x"}
    script.names(Operation.RENAME, "from/a", "to/a")
    script.sync_folder("from")
    assert "from/a" in state(script.trace(initial), scratch, "strict")
    script.sync_folder("to")
    assert state(script.trace(initial), scratch, "strict", 1) == {"from": None, "to": None, "to/a": b"x"}


def test_what_is_durable_makes_what_it_rests_on_durable(script: Script, scratch: Path) -> None:
    script.names(Operation.MKDIR, "d")
    script.sync_folder()
    script.sync(script.open("d/a"))  # unsynced name
    script.names(Operation.RENAME, "d/a", "b")
    script.sync_folder()
    assert state(script.trace(), scratch, "strict") == {"b": b"", "d": None}


def test_unrelated_names_are_lost_independently(script: Script, scratch: Path) -> None:
    for name in "abc":
        script.open(name)
    found = {frozenset(one) for one in states(script.trace(), scratch)}
    assert found == {frozenset(some) for size in range(4) for some in itertools.combinations("abc", size)}


def test_a_deleted_file_may_come_back(script: Script, scratch: Path) -> None:
    script.names(Operation.UNLINK, "a")
    trace = script.trace({"a": b"x"})
    assert sorted(states(trace, scratch), key=len) == [{}, {"a": b"x"}]
    script.sync_folder()
    assert state(script.trace({"a": b"x"}), scratch, "strict") == {}


def test_a_name_used_again_is_any_of_its_files(script: Script, scratch: Path) -> None:
    for data in (b"1", b"2"):
        script.names(Operation.UNLINK, "a")
        file = script.open("a")
        script.write(file, data)
        script.sync(file)
    found = states(script.trace({"a": b"0"}), scratch)
    assert sorted(found, key=str) == [{"a": b"0"}, {"a": b"1"}, {"a": b"2"}, {}]


def test_an_exchange_is_of_one_piece(script: Script, scratch: Path) -> None:
    script.names(Operation.EXCHANGE, "a", "b")
    found = states(script.trace({"a": b"1", "b": b"2"}), scratch)
    assert sorted(found, key=str) == [{"a": b"1", "b": b"2"}, {"a": b"2", "b": b"1"}]


def test_a_link_is_a_second_name_of_the_same_file(script: Script, scratch: Path) -> None:
    script.names(Operation.LINK, "a", "b")
    trace = script.trace({"a": b"x"})
    trace.build(trace.cuts()[-1], 0, "everything", scratch / "state")
    assert (scratch / "state/a").samefile(scratch / "state/b")


def test_a_rename_of_a_file_to_its_other_name_does_nothing(script: Script, scratch: Path) -> None:
    script.names(Operation.LINK, "a", "b")
    script.names(Operation.RENAME, "a", "b")
    assert state(script.trace({"a": b"x"}), scratch, "everything") == {"a": b"x", "b": b"x"}


def test_a_symbolic_link_keeps_its_text(script: Script, scratch: Path) -> None:
    script.events.append(event(Operation.SYMLINK, path="link", data=b"some/where"))
    assert state(script.trace(), scratch, "everything") == {"link": "some/where"}


def test_a_sync_of_everything_loses_nothing(script: Script, scratch: Path) -> None:
    script.names(Operation.MKDIR, "d")
    script.write(script.open("d/a"), b"x" * 5000)
    script.events.append(event(Operation.SYNC_ALL))
    assert states(script.trace(), scratch) == [{"d": None, "d/a": b"x" * 5000}]


# Contents


def test_sectors_reach_the_disk_one_by_one(script: Script, scratch: Path) -> None:
    script.write(script.open("a", os.O_WRONLY), b"n" * 1536)
    found = {str(one["a"][::512], "ascii") for one in states(script.trace({"a": b"o" * 1536}), scratch)}
    assert found == {"".join(some) for some in itertools.product("on", repeat=3)}


def test_nothing_is_torn_within_a_sector(script: Script, scratch: Path) -> None:
    script.write(script.open("a", os.O_WRONLY), b"n" * 1000, 100)
    for one in states(script.trace({"a": b"o" * 1536}), scratch):
        content = one["a"]
        assert content[100:512] in (b"o" * 412, b"n" * 412)
        assert content[512:1024] in (b"o" * 512, b"n" * 512)
        assert content[:100] == b"o" * 100
        assert content[1100:] == b"o" * 436


def test_a_sector_never_shows_a_later_write_without_an_earlier_one(script: Script, scratch: Path) -> None:
    file = script.open("a", os.O_WRONLY)
    script.write(file, b"1" * 100)
    script.write(file, b"2" * 100, 50)
    found = {(one["a"][0], one["a"][149]) for one in states(script.trace({"a": b"0" * 512}), scratch)}
    assert found == {(ord("0"), ord("0")), (ord("1"), ord("0")), (ord("1"), ord("2"))}


def test_a_size_may_be_durable_without_its_data(script: Script, scratch: Path) -> None:
    script.write(script.open("a", os.O_WRONLY), b"n" * 700)
    found = [one["a"] for one in states(script.trace({"a": b""}), scratch)]
    assert {len(content) for content in found} == {0, 512, 700}
    assert bytes(700) in found
    assert bytes(512) + b"n" * 188 in found
    assert b"n" * 700 in found


def test_what_was_synced_stays(script: Script, scratch: Path) -> None:
    file = script.open("a", os.O_WRONLY)
    script.write(file, b"1" * 3000)
    script.sync(file)
    script.write(file, b"2" * 1000, 3000)
    script.truncate(file, 3500)
    for one in states(script.trace({"a": b""}), scratch):
        assert one["a"][:3000] == b"1" * 3000
        assert len(one["a"]) in (3000, 3500, 4000, 3072, 3584)


def test_a_truncation_may_be_lost(script: Script, scratch: Path) -> None:
    script.open("a", os.O_WRONLY | os.O_TRUNC)
    found = states(script.trace({"a": b"x" * 99}), scratch)
    assert sorted(found, key=str) == [{"a": b""}, {"a": b"x" * 99}]


def test_what_a_truncation_cut_off_does_not_come_back(script: Script, scratch: Path) -> None:
    file = script.open("a", os.O_WRONLY)
    script.truncate(file, 1000)
    script.truncate(file, 2000)
    contents_left = [one["a"] for one in states(script.trace({"a": b"x" * 3000}), scratch)]
    assert sorted(contents_left, key=len) == [b"x" * 1000, b"x" * 1000 + bytes(1000), b"x" * 3000]


def test_a_large_write_is_torn_too(script: Script, scratch: Path) -> None:
    script.write(script.open("a", os.O_WRONLY), b"n" * (1 << 20))
    trace = script.trace({"a": b"o" * (1 << 20)})
    kinds = set()
    for seed in range(30):
        content = state(trace, scratch, "random", seed)["a"]
        sectors = {content[start : start + 512] for start in range(0, len(content), 512)}
        assert sectors <= {b"o" * 512, b"n" * 512}
        kinds.add(len(sectors))
    assert kinds == {1, 2}


def test_a_write_after_the_end_leaves_zeros_before_it(script: Script, scratch: Path) -> None:
    script.write(script.open("a", os.O_WRONLY), b"x", 5)
    assert state(script.trace({"a": b"ab"}), scratch, "everything") == {"a": b"ab\0\0\0x"}


def test_a_file_that_lost_its_name_can_still_be_written(script: Script, scratch: Path) -> None:
    file = script.open("a")
    script.names(Operation.UNLINK, "a")
    script.write(file, b"x")
    script.sync(file)
    assert state(script.trace(), scratch, "everything") == {}


# Time


def test_cuts_are_where_something_changes(script: Script) -> None:
    file = script.open("a")  # 0: changes
    script.write(file, b"x")  # 1: changes
    script.mark("written")
    script.sync(file)  # 3: changes
    script.sync(file)  # 4: nothing was left to sync
    script.mark("synced")
    script.sync_folder()  # 6 opens, 7 changes
    script.mark("named")
    trace = script.trace()
    assert trace.cuts() == [0, 1, 3, 7, 9]
    assert [trace.markers_before(cut) for cut in trace.cuts()] == [
        [],
        [],
        ["written"],
        ["written", "synced"],
        ["written", "synced", "named"],
    ]


def test_a_cut_knows_nothing_of_what_comes_after(script: Script, scratch: Path) -> None:
    file = script.open("a")
    script.sync_folder()
    for data in (b"1", b"2", b"3"):
        script.write(file, data)
        script.sync(file)
    trace = script.trace()
    after = {cut: state(trace, scratch, "strict", cut=cut) for cut in trace.cuts()[::-1]}  # backwards
    assert list(after.values())[::-1] == [{}, {}, {"a": b""}, *({"a": d} for d in (b"", b"1", b"1", b"2", b"2", b"3"))]


def test_the_same_seed_gives_the_same_state(script: Script, scratch: Path) -> None:
    for name in "abcdef":
        script.write(script.open(name), b"x" * 5000)
    trace = script.trace()
    for seed in range(5):
        trace.build(trace.cuts()[-1], seed, "random", scratch / f"first{seed}")
        trace.build(trace.cuts()[-1], seed, "random", scratch / f"second{seed}")
        assert contents(scratch / f"first{seed}") == contents(scratch / f"second{seed}")
