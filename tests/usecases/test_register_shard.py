"""Shards: files out of xorbs, and what happens when something is not there any more."""

import secrets
from io import BytesIO

import pytest
import sqlalchemy as sa

from tukar.cas import epochs
from tukar.catalog.values import User
from tukar.errors import Invalid
from tukar.objects.tables import files
from tukar.testing.xet import MadeXorb, made_file, made_shard
from tukar.usecases import register_shard as module
from tukar.usecases.collect import collect
from tukar.usecases.commit import LargeFile
from tukar.usecases.register_shard import UnknownXorb, register_shard, total_bytes
from tukar.xet import Shard, ShardFile, read_shard

from .conftest import Desk


def noise(*lengths: int) -> MadeXorb:
    return MadeXorb(tuple(secrets.token_bytes(length) for length in lengths))


def shard(*made: ShardFile) -> Shard:
    return read_shard(BytesIO(made_shard(*made)))


def user(desk: Desk, name: str = "alice") -> User:
    found = desk.identity(name).user
    assert found is not None
    return found


def epoch(desk: Desk, name: str = "alice") -> str:
    with desk.services.database.read() as tx:
        return epochs.current(tx, user(desk, name).id)


def count(desk: Desk) -> int:
    with desk.services.database.read() as tx:
        return int(tx.execute(sa.select(sa.func.count()).select_from(files)).scalar_one())


def test_files_are_stored_and_their_sender_may_link_them(desk: Desk) -> None:
    xorb, repository = noise(1000, 2000), desk.repository(private=True)
    desk.send_xorb(xorb)
    made = [made_file(xorb.run()), made_file(xorb.run(1, 2), xorb.run(0, 1))]
    seen: list[int] = []
    register_shard(desk.services, user(desk), shard(*made), seen.append)
    assert sum(seen) == total_bytes(shard(*made)) == 6000
    for number, file in enumerate(made):
        assert file.sha256 is not None
        desk.commit(repository, LargeFile(f"{number}.bin", file.sha256, file.size))
    with pytest.raises(Invalid):
        desk.commit(desk.repository("bob"), LargeFile("a", str(made[0].sha256), made[0].size))


def test_a_xorb_of_others_is_unknown_and_starts_an_epoch_of_ones_own(desk: Desk) -> None:
    hers, never = noise(100), noise(100)
    desk.send_xorb(hers)
    messages = set()
    for xorb in (hers, never):
        before = epoch(desk, "bob"), epoch(desk)
        with pytest.raises(UnknownXorb) as error:
            register_shard(desk.services, user(desk, "bob"), shard(made_file(xorb.run())))
        messages.add(str(error.value))
        assert epoch(desk, "bob") != before[0]
        assert epoch(desk) == before[1]
    assert len(messages) == 1


def test_other_failures_change_no_epoch(desk: Desk) -> None:
    xorb = noise(100)
    desk.send_xorb(xorb)
    good, before = made_file(xorb.run()), epoch(desk)
    for bad in (
        ShardFile(good.hash, good.terms, None, "5" * 64),
        ShardFile(good.hash, good.terms, None, None),
        ShardFile(made_file(noise(5).run()).hash, good.terms, None, good.sha256),
    ):
        with pytest.raises(Invalid):
            register_shard(desk.services, user(desk), shard(bad))
    assert epoch(desk) == before
    assert count(desk) == 0


def test_a_xorb_that_was_dropped_is_unknown(desk: Desk) -> None:
    xorb = noise(100)
    desk.send_xorb(xorb)
    before = epoch(desk)
    desk.services.xorbs.staging.drop(xorb.hash)
    with pytest.raises(UnknownXorb):
        register_shard(desk.services, user(desk), shard(made_file(xorb.run())))
    assert epoch(desk) != before


def test_a_xorb_that_is_dropped_while_files_are_put_together_is_unknown(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second group finds it gone; what the first one stored stays."""
    monkeypatch.setattr(module, "_GROUP", 1)
    xorb = noise(1000, 2000)
    desk.send_xorb(xorb)
    first, second = made_file(xorb.run(0, 1)), made_file(xorb.run(1, 2))
    before = epoch(desk)

    def drop(_: int) -> None:
        desk.services.xorbs.staging.drop(xorb.hash)

    with pytest.raises(UnknownXorb):
        register_shard(desk.services, user(desk), shard(first, second), drop)
    assert epoch(desk) != before
    assert count(desk) == 1
    desk.send_xorb(xorb)
    register_shard(desk.services, user(desk), shard(first, second))
    assert count(desk) == 2


def test_bytes_that_only_others_files_hold_serve_who_sent_them_too(desk: Desk) -> None:
    """Bob sends a xorb that a file of alice's holds: nothing is staged; then hers is freed before his shard comes."""
    xorb = noise(1000)
    desk.send_xorb(xorb)
    register_shard(desk.services, user(desk), shard(made_file(xorb.run())))
    desk.send_xorb(xorb, "bob")
    assert not desk.services.xorbs.staging.path(xorb.hash).exists()
    desk.now[0] += 10
    collect(desk.services, grace=0, upload_window=0)
    with pytest.raises(UnknownXorb):
        register_shard(desk.services, user(desk, "bob"), shard(made_file(xorb.run())))
    desk.send_xorb(xorb, "bob")
    register_shard(desk.services, user(desk, "bob"), shard(made_file(xorb.run())))


def test_many_chunks_are_too_many(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    xorb = noise(10, 10)
    desk.send_xorb(xorb)
    monkeypatch.setattr(module, "_CHUNKS_LIMIT", 3)
    with pytest.raises(Invalid, match="more than 3 chunks"):
        register_shard(desk.services, user(desk), shard(made_file(xorb.run(), xorb.run())))
    register_shard(desk.services, user(desk), shard(made_file(xorb.run(), xorb.run(0, 1))))
