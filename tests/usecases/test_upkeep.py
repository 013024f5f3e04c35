"""What a hub does by itself, and what it tells of what it holds: check, gc, sizes, weights."""

import secrets
from pathlib import Path

import pytest

from tukar.catalog import revisions, trees
from tukar.catalog.values import ANONYMOUS
from tukar.config import Config
from tukar.errors import RepoNotFound
from tukar.jobs import queue
from tukar.jobs.values import Job, Json
from tukar.testing.models import tiny_gguf, tiny_safetensors
from tukar.usecases import background, describe, fetch, repositories, stats
from tukar.usecases.check import check, stored_bytes
from tukar.usecases.collect import collect
from tukar.usecases.commit import LargeFile

from .conftest import Desk, regular


def damage(desk: Desk) -> None:
    """Flip a bit in the first block of every pack."""
    for path in (desk.hub.config.data / "objects" / "packs").rglob("*"):
        if path.is_file():
            _flip(path)


def _flip(path: Path) -> None:
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)


def run(desk: Desk, kind: str, payload: dict[str, Json] | None = None) -> Job:
    """A job, done by the hub's own runner."""
    with desk.services.database.write() as tx:
        job = queue.submit(tx, kind, payload, now=desk.now[0], max_attempts=1)
    assert desk.hub.runner.run_one()
    with desk.services.database.read() as tx:
        return queue.get(tx, job.id)


# Check


def test_a_whole_store_has_no_faults(desk: Desk) -> None:
    repository = desk.repository()
    desk.commit(repository, desk.send(secrets.token_bytes(5000)), regular("a.txt", b"a"))
    seen: list[int] = []
    assert list(check(desk.services, seen.append)) == []
    assert sum(seen) == stored_bytes(desk.services) > 5000
    job = run(desk, "check")
    assert job.state == "done"
    assert job.result == {"faults": [], "fault_count": 0, "bytes": stored_bytes(desk.services)}


def test_a_fault_names_every_file_that_it_touches(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    data = secrets.token_bytes(5000)
    public, private = desk.repository(), desk.repository("bob", private=True)
    first = desk.commit(public, desk.send(data))
    desk.commit(public, regular("later.txt", b""))
    second = desk.commit(private, desk.send(data, "bob"))
    desk.send(data + b"not linked")
    damage(desk)
    touched = {name for fault in check(desk.services) for name in fault.files}
    assert f"bob/model@{second.oid[:12]}:weights.bin" in touched
    assert any(name.startswith("alice/model@") and name.endswith(":weights.bin") for name in touched)
    assert first.oid
    job = run(desk, "check")
    assert isinstance(job.result, dict)
    assert job.result["fault_count"]
    assert "bob/model@" in caplog.text


# Garbage


def test_gc_by_the_runner(desk: Desk) -> None:
    repository = desk.repository()
    sent = desk.send(secrets.token_bytes(5000))
    desk.commit(repository, sent)
    desk.send(secrets.token_bytes(5000))  # pending
    job = run(desk, "gc", {"grace": 0})
    assert isinstance(job.result, dict)
    assert job.result["freed_files"] == 0
    repositories.delete(desk.services, desk.identity(), repository.repo_id)
    job = run(desk, "gc", {"grace": 0})
    assert isinstance(job.result, dict)
    assert job.result["freed_files"] == 1
    desk.now[0] += 2
    job = run(desk, "gc", {"grace": 0, "upload_window": 1})
    assert isinstance(job.result, dict)
    assert job.result["freed_files"] == 1
    assert stats.totals(desk.services).files == 0


@pytest.mark.parametrize("grace", ["0", -1, True, 1e300, [0]])
def test_a_time_that_makes_no_sense_frees_nothing(desk: Desk, grace: Json) -> None:
    desk.commit(desk.repository(), desk.send(b"x" * 5000))
    job = run(desk, "gc", {"grace": grace})
    assert job.state == "failed"
    assert "seconds" in str(job.error)


def test_what_is_done_again_and_again() -> None:
    assert {every.kind for every in background.recurring(Config())} == {"check", "gc", "repack"}
    assert background.recurring(Config(gc_every=0.0, check_every=0.0, repack_every=0.0)) == []


def test_what_a_commit_links_is_kept(desk: Desk) -> None:
    repository, data = desk.repository(), secrets.token_bytes(3000)
    sent = desk.send(data)
    desk.commit(repository, sent)
    desk.commit(repository, regular("weights.bin", b"other"))
    desk.now[0] += 10**9
    collect(desk.services, grace=0, upload_window=0)
    reader = fetch.open_held(desk.services, desk.identity(), repository.repo_id, sent.sha256)
    assert reader.read(0, reader.size) == data


# Sizes


def test_sizes_follow_what_the_asker_may_read(desk: Desk) -> None:
    data = secrets.token_bytes(9000)
    mine, hers = desk.repository("bob"), desk.repository("alice", private=True)
    one, other = tiny_safetensors(seed=5, metadata={"a": "1"}), tiny_safetensors(seed=5, metadata={"a": "2"})
    desk.commit(hers, desk.send(data), LargeFile("m.safetensors", desk.send(one).sha256, len(one)))
    desk.commit(mine, desk.send(data, "bob"), LargeFile("m.safetensors", desk.send(other, "bob").sha256, len(other)))

    def shared(who: object) -> dict[str, bool]:
        found = stats.repository_sizes(desk.services, who, mine.repo_id, "main")  # type: ignore[arg-type]
        assert all(size.raw and size.stored for _, size in found.files)
        return {entry.path: size.own < size.stored for entry, size in found.files}

    assert not any(shared(desk.identity("bob")).values())
    assert not any(shared(ANONYMOUS).values())
    assert shared(desk.identity("alice")) == {"m.safetensors": True, "weights.bin": True}
    with pytest.raises(RepoNotFound):
        stats.repository_sizes(desk.services, desk.identity("bob"), hers.repo_id, "main")


# Weights


def test_weights_are_counted(desk: Desk) -> None:
    repository = desk.repository()
    files = {
        "a.safetensors": tiny_safetensors(seed=1),
        "b.safetensors": tiny_safetensors(seed=2),
        "c.gguf": tiny_gguf(),
    }
    changes = [LargeFile(path, desk.send(data).sha256, len(data)) for path, data in files.items()]
    desk.commit(repository, *changes, regular("d.txt", b"text"))
    with desk.services.database.read() as tx:
        head = revisions.resolve(tx, repository, "main")
        entries = trees.listing(tx, repository.id, head.tree_oid, recursive=True)
    assert describe.summaries(desk.services, entries).keys() == files.keys()
    value = describe.weights(desk.services, entries)
    assert value["safetensors"]["total"] == 2 * (32 * 16 + 48 * 16 + 16 + 8 + 1)
    assert value["gguf"]["total"] > 0
    assert describe.weights(desk.services, []) == {}
