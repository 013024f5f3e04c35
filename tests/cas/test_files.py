"""Files as Xet sees them: shown where their sender may write."""

import pytest
import sqlalchemy as sa

from tukar.cas.store import XorbStore
from tukar.cas.tables import xorbs
from tukar.errors import NotFound
from tukar.testing.xet import made_file

from .conftest import ALICE, BOB, Link, Send, everyone, noise, only


def test_a_file_is_found_by_its_hash_among_its_senders(store: XorbStore, send: Send, link: Link) -> None:
    xorb = noise(100, 200)
    send(xorb)
    file_id = link(xorb.run())
    file = made_file(xorb.run())
    with store.database.read() as tx:
        found = store.find_file(tx, file.hash, only(ALICE))
        assert found is not None
        assert (found.file.id, found.file.sha256, found.terms) == (file_id, file.sha256, file.terms)
        assert store.find_file(tx, file.hash, only(BOB)) is None
        assert store.find_file(tx, made_file(xorb.run(0, 1)).hash, everyone()) is None


def test_hashes_are_told_of_what_the_senders_sent(store: XorbStore, send: Send, link: Link) -> None:
    one, other = noise(100), noise(100)
    for xorb, user in ((one, ALICE), (other, BOB)):
        send(xorb, user)
        link(xorb.run(), user=user)
    files = [made_file(xorb.run()) for xorb in (one, other)]
    digests = [str(file.sha256) for file in files] + ["5" * 64]
    with store.database.read() as tx:
        assert store.hash_of(tx, digests, only(ALICE)) == {digests[0]: files[0].hash}
        assert store.hash_of(tx, digests, only(BOB)) == {digests[1]: files[1].hash}
        assert store.hash_of(tx, digests, everyone()) == dict(zip(digests, (file.hash for file in files), strict=False))
        assert store.hash_of(tx, [], everyone()) == {}


def test_each_sender_has_their_own_runs(store: XorbStore, send: Send, link: Link) -> None:
    """The same file out of different xorbs: nobody is shown the other's."""
    chunk = b"shared" * 100
    hers, his = noise(50), noise(60)
    hers, his = type(hers)((hers.chunks[0], chunk)), type(his)((chunk, his.chunks[0]))
    send(hers)
    send(his, BOB)
    assert link(hers.run(1, 2)) == link(his.run(0, 1), user=BOB)
    file = made_file(his.run(0, 1))
    with store.database.read() as tx:
        for user, xorb in ((ALICE, hers), (BOB, his)):
            found = store.find_file(tx, file.hash, only(user))
            assert found is not None
            assert {term.xorb for term in found.terms} == {xorb.hash}


def test_the_runs_that_came_first_stay(store: XorbStore, send: Send, link: Link) -> None:
    one, two = noise(100), noise(100)
    joined = type(one)((*one.chunks, *two.chunks))
    for xorb in (one, two, joined):
        send(xorb)
    link(one.run(), two.run())
    link(joined.run())
    file = made_file(joined.run())
    with store.database.read() as tx:
        found = store.find_file(tx, file.hash, only(ALICE))
        assert found is not None
        assert [term.xorb for term in found.terms] == [one.hash, two.hash]


def test_a_xorb_that_is_forgotten_meanwhile_is_told(store: XorbStore, send: Send, link: Link) -> None:
    xorb = noise(100)
    send(xorb)
    with store.database.write() as tx:
        tx.execute(sa.delete(xorbs))
    with pytest.raises(NotFound):
        link(xorb.run())


def test_many_digests(store: XorbStore, send: Send, link: Link) -> None:
    xorb = noise(10)
    send(xorb)
    link(xorb.run())
    file = made_file(xorb.run())
    digests = [f"{number:064x}" for number in range(1200)] + [str(file.sha256)]
    with store.database.read() as tx:
        assert store.hash_of(tx, digests, everyone()) == {file.sha256: file.hash}
