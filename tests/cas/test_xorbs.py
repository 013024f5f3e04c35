"""Xorbs on their way in: verified, staged, and views on stored files from then on."""

import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from tukar.cas import epochs, views
from tukar.cas.staging import Staging
from tukar.cas.store import XorbStore
from tukar.cas.tables import xet_files, xorb_senders, xorb_spans, xorbs
from tukar.errors import Invalid, NotFound, Unavailable
from tukar.objects.tables import files
from tukar.testing.xet import MadeXorb

from .conftest import ALICE, BOB, NOW, Link, Send, noise, view


def staged(store: XorbStore, xorb: MadeXorb) -> bool:
    return store.staging.path(xorb.hash).exists()


def known(store: XorbStore, xorb: MadeXorb, sender: int | None = None) -> bool:
    with store.database.read() as tx:
        return bool(views.find(tx, [xorb.hash], sender))


def epoch(store: XorbStore, user: int = ALICE) -> str:
    with store.database.read() as tx:
        return epochs.current(tx, user)


def free(store: XorbStore, *file_ids: int) -> None:
    """As gc does."""
    with store.database.write() as tx:
        store.forget_files(tx, file_ids)
        tx.execute(sa.delete(files).where(files.c.id.in_(file_ids)))


# In


def test_a_xorb_is_staged_and_its_sender_known(store: XorbStore, send: Send) -> None:
    xorb = noise(100, 200)
    assert send(xorb) is True
    assert staged(store, xorb)
    assert known(store, xorb, ALICE)
    assert not known(store, xorb, BOB)
    assert view(store, xorb) == xorb.body


def test_it_is_new_to_each_sender_once(store: XorbStore, send: Send, link: Link) -> None:
    xorb = noise(100)
    assert [send(xorb), send(xorb), send(xorb, BOB), send(xorb, BOB)] == [True, False, True, False]
    link(xorb.run())
    store.unstage([xorb.hash])
    assert [send(xorb), send(xorb, BOB), send(xorb, 3)] == [False, False, True]
    assert not staged(store, xorb)  # stored files have it


def test_what_is_no_xorb_leaves_nothing(store: XorbStore, send: Send, tmp_path: Path) -> None:
    xorb, other = noise(100), noise(100)
    for body in (b"", b"x", other.body, xorb.body[:-1], xorb.body + b"\0"):
        with pytest.raises(Invalid):
            send(xorb, body=body)
    assert not staged(store, xorb)
    assert not known(store, xorb)
    assert not list(tmp_path.glob("*.raw"))


def test_without_room_for_it_nothing_is_known(store: XorbStore, send: Send) -> None:
    xorb = noise(100)
    store.staging.path(xorb.hash).parent.rmdir()
    with pytest.raises(Unavailable):
        send(xorb)
    assert not known(store, xorb)


# Views on files


def test_a_xorb_is_a_view_on_the_files_that_hold_its_chunks(store: XorbStore, send: Send, link: Link) -> None:
    xorb = noise(1000, 2000, 3000)
    send(xorb)
    link(xorb.run(0, 1))
    link(xorb.run(2, 3), xorb.run(1, 2))
    store.unstage([xorb.hash])
    assert not staged(store, xorb)
    assert view(store, xorb) == xorb.body


def test_it_stays_staged_while_no_file_holds_some_of_it(store: XorbStore, send: Send, link: Link) -> None:
    xorb = noise(1000, 2000)
    send(xorb)
    link(xorb.run(0, 1))
    store.unstage([xorb.hash])
    assert staged(store, xorb)
    assert view(store, xorb) == xorb.body


def test_a_file_that_repeats_chunks_needs_no_more_rows(store: XorbStore, send: Send, link: Link) -> None:
    xorb = noise(10, 20)
    send(xorb)
    file_id = link(*[xorb.run()] * 50, xorb.run(0, 1), xorb.run(1, 2))
    with store.database.read() as tx:
        assert tx.execute(sa.select(sa.func.count()).select_from(xorb_spans)).scalar_one() == 1
    store.unstage([xorb.hash])
    assert view(store, xorb) == xorb.body
    assert file_id


def test_what_is_read_while_it_stops_being_staged(store: XorbStore, send: Send, link: Link) -> None:
    xorb = noise(1000, 2000)
    send(xorb)
    with store.database.read() as tx:
        source = store.chunks(tx, views.find(tx, [xorb.hash])[xorb.hash], 0, 2)
    assert source is not None
    assert source.read(500, 1500) == xorb.run().data[500:1500]
    link(xorb.run())
    store.unstage([xorb.hash])
    assert source.read(500, 1500) == xorb.run().data[500:1500]


def test_what_is_read_while_it_is_dropped(store: XorbStore, send: Send) -> None:
    xorb = noise(1000)
    send(xorb)
    with store.database.read() as tx:
        source = store.chunks(tx, views.find(tx, [xorb.hash])[xorb.hash], 0, 1)
    assert source is not None
    store.staging.drop(xorb.hash)
    with pytest.raises(NotFound):
        source.read(0, 10)
    with pytest.raises(NotFound):
        view(store, xorb)


# Out


def test_when_a_file_is_freed_its_xorbs_are_forgotten(store: XorbStore, send: Send, link: Link) -> None:
    xorb = noise(1000)
    send(xorb)
    file_id = link(xorb.run())
    store.unstage([xorb.hash])
    before = epoch(store)
    free(store, file_id)
    assert epoch(store) != before
    assert not known(store, xorb)
    with pytest.raises(NotFound):
        view(store, xorb)
    with store.database.read() as tx:
        for table in (xorbs, xorb_senders, xorb_spans, xet_files):
            assert tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == 0
    assert send(xorb) is True


def test_a_xorb_lives_as_long_as_any_file_holds_some_of_it(store: XorbStore, send: Send, link: Link) -> None:
    xorb = noise(1000, 2000)
    send(xorb)
    whole, part = link(xorb.run()), link(xorb.run(1, 2))
    store.unstage([xorb.hash])
    free(store, whole)
    assert known(store, xorb, ALICE)
    size = xorb.table.offset(1)
    assert view(store, xorb, size) == xorb.body[size:]
    with pytest.raises(NotFound):
        view(store, xorb)
    send(xorb)
    assert staged(store, xorb)  # a part of it was missing
    free(store, part)


def test_what_is_being_uploaded_outlives_a_gc(store: XorbStore, send: Send, link: Link) -> None:
    old, new = noise(1000), noise(1000)
    send(old)
    file_id = link(old.run())
    store.unstage([old.hash])
    send(new)
    free(store, file_id)
    assert known(store, new, ALICE)
    assert view(store, new) == new.body


def test_freeing_files_that_did_not_come_through_xet_changes_no_epoch(store: XorbStore) -> None:
    before = epoch(store)
    free(store, 12345)
    assert epoch(store) == before


def test_what_was_staged_too_long_ago_is_dropped(store: XorbStore, send: Send, link: Link) -> None:
    old, new, part = noise(1000), noise(1000), noise(10, 20)
    for xorb in (old, new, part):
        send(xorb)
    link(part.run(0, 1))
    before = epoch(store)
    store.drop_stale(0)
    assert epoch(store) == before
    for xorb in (old, part):
        os.utime(store.staging.path(xorb.hash), (1000, 1000))
    store.drop_stale(2000)
    assert epoch(store) != before
    assert [staged(store, xorb) for xorb in (old, new, part)] == [False, True, False]
    assert [known(store, xorb, ALICE) for xorb in (old, new, part)] == [False, True, True]


def test_a_start_forgets_what_was_staged(store: XorbStore, send: Send, tmp_path: Path) -> None:
    xorb = noise(1000)
    send(xorb)
    again = XorbStore(store.database, store.objects, Staging(tmp_path / "staged"))
    with store.database.write() as tx:
        again.forget_empty(tx)
    assert not known(store, xorb)


# Epochs


def test_epochs_are_everyones_and_ones_own(store: XorbStore) -> None:
    with store.database.write() as tx:
        epochs.begin(tx)
        first = [epochs.current(tx, user) for user in (ALICE, BOB, None)]
        assert len(set(first)) == 1
        epochs.begin_for(tx, BOB)
        second = [epochs.current(tx, user) for user in (ALICE, BOB, None)]
        epochs.begin(tx)
        third = [epochs.current(tx, user) for user in (ALICE, BOB, None)]
    assert [one == other for one, other in zip(first, second, strict=True)] == [True, False, True]
    assert not set(third) & set(first + second)
    assert all(word.isalnum() for word in third)


def test_a_time_is_kept(store: XorbStore, send: Send) -> None:
    send(noise(10))
    with store.database.read() as tx:
        assert tx.execute(sa.select(xorbs.c.created_at)).scalar_one() == NOW
