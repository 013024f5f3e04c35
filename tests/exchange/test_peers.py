"""Peers: who is trusted by which key, until when, and how a new key of theirs is followed."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
import sqlalchemy as sa

from tukar.database import Database, Transaction
from tukar.errors import Conflict, Invalid, NotFound, Refused
from tukar.exchange import peers, tables
from tukar.exchange.peers import Peer
from tukar.signing import IdentityDocument, SigningKey

NOW = 1_700_000_000.0
FINGERPRINT = "abcd234" * 4 + "wxyz"  # nobody's
URL = "https://hub.example.org/tukar"


@pytest.fixture
def tx(database: Database) -> Iterator[Transaction]:
    with database.write() as tx:
        yield tx


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def acme(tx: Transaction, key: SigningKey) -> Peer:
    return peers.add(tx, "Acme", URL + "/", key.public, now=NOW)


def swap_with(tx: Transaction, peer: Peer, state: str) -> None:
    row = {column.name: column.type.python_type() for column in tables.swaps.columns if not column.nullable}
    row |= {"id": f"{state}-{peer.id}", "peer_id": peer.id, "state": state}
    tx.execute(sa.insert(tables.swaps).values(row))


@pytest.mark.parametrize("written", ["Acme", "acme", "fingerprint", "GROUPED"])
def test_a_peer_is_found_by_name_and_fingerprint(tx: Transaction, acme: Peer, key: SigningKey, written: str) -> None:
    fingerprint = key.public.fingerprint
    text = {"fingerprint": fingerprint, "GROUPED": fingerprint.grouped.upper()}.get(written, written)
    assert peers.get(tx, text) == acme == peers.find(tx, fingerprint) == peers.by_id(tx, acme.id)
    assert (acme.url, acme.public_key, acme.is_trusted, acme.added_at) == (URL, key.public, True, NOW)


@pytest.mark.parametrize("text", ["", "nobody", "ac%e", "a\x00b", "\udc80", FINGERPRINT])
def test_nobody_else_is_found(tx: Transaction, acme: Peer, text: str) -> None:
    with pytest.raises(NotFound):
        peers.get(tx, text)


def test_a_name_is_given_once_in_whatever_case(tx: Transaction, acme: Peer) -> None:
    with pytest.raises(Conflict, match="'Acme'"):
        peers.add(tx, "aCME", URL, SigningKey.generate().public, now=NOW)


def test_a_key_is_trusted_once(tx: Transaction, acme: Peer) -> None:
    with pytest.raises(Conflict, match="'Acme'"):
        peers.add(tx, "other", URL, acme.public_key, now=NOW)


@pytest.mark.parametrize("name", ["", "a b", "../x", "-a", "a" * 97, FINGERPRINT])
def test_what_is_no_name_is_refused(tx: Transaction, key: SigningKey, name: str) -> None:
    with pytest.raises(Invalid):
        peers.add(tx, name, URL, key.public, now=NOW)


@pytest.mark.parametrize(
    "url", ["", "hub", "file:///etc/passwd", "ftp://hub", "http://", "http://u@hub", "http://hub?x", "http://hub:x"]
)
def test_what_is_no_address_of_a_hub_is_refused(tx: Transaction, key: SigningKey, url: str) -> None:
    with pytest.raises(Invalid, match="the peer's address"):
        peers.add(tx, "acme", url, key.public, now=NOW)


def test_all_peers_in_order(tx: Transaction, acme: Peer) -> None:
    others = [peers.add(tx, name, URL, SigningKey.generate().public, now=NOW) for name in ("zeta", "abel")]
    peers.revoke(tx, others[0])
    assert [(peer.name, peer.state) for peer in peers.listing(tx)] == [
        ("abel", "trusted"),
        ("Acme", "trusted"),
        ("zeta", "revoked"),
    ]


def test_a_revoked_peer_is_known_and_not_trusted(tx: Transaction, acme: Peer) -> None:
    assert not peers.revoke(tx, acme).is_trusted
    assert not peers.get(tx, "acme").is_trusted
    with pytest.raises(Conflict, match="revoked"):
        peers.add(tx, "again", URL, acme.public_key, now=NOW)


@pytest.mark.parametrize("ended", ["trusted", "revoked"])
def test_a_removed_peer_is_gone_and_its_name_is_free(tx: Transaction, acme: Peer, ended: str) -> None:
    if ended == "revoked":
        peers.revoke(tx, acme)
    peers.remove(tx, acme)
    assert peers.listing(tx) == []
    for text in ("acme", acme.fingerprint):
        with pytest.raises(NotFound):
            peers.get(tx, text)
    found = peers.find(tx, acme.fingerprint)
    assert found is not None
    assert not found.is_trusted
    assert peers.add(tx, "Acme", URL, SigningKey.generate().public, now=NOW).is_trusted


def test_a_removed_peer_can_be_added_again(tx: Transaction, acme: Peer) -> None:
    peers.remove(tx, acme)
    again = peers.add(tx, "newname", "http://127.0.0.1:1", acme.public_key, now=NOW + 1)
    assert (again.name, again.url, again.is_trusted) == ("newname", "http://127.0.0.1:1", True)
    assert peers.listing(tx) == [again]


@pytest.mark.parametrize("state", ["offered", "accepted", "ready", "prepared"])
def test_a_peer_with_an_open_swap_stays(tx: Transaction, acme: Peer, state: str) -> None:
    swap_with(tx, acme, state)
    swap_with(tx, acme, "published")
    with pytest.raises(Conflict, match="1 swap with 'Acme' is open"):
        peers.remove(tx, acme)


def test_ended_swaps_keep_their_peer(tx: Transaction, acme: Peer) -> None:
    for state in ("published", "refused", "cancelled"):
        swap_with(tx, acme, state)
    peers.remove(tx, acme)
    assert set(tx.execute(sa.select(tables.swaps.c.peer_id)).scalars()) == {acme.id}
    assert peers.by_id(tx, acme.id).name == acme.fingerprint


def rotated(*keys: SigningKey) -> IdentityDocument:
    document = IdentityDocument(keys[0].public)
    for old, new in pairwise(keys):
        document = document.succeeded(old, new, int(NOW))
    return document


def test_a_new_key_is_followed_and_the_newest_is_remembered(tx: Transaction, acme: Peer, key: SigningKey) -> None:
    second, third = SigningKey.generate(), SigningKey.generate()
    followed = peers.follow(tx, acme, rotated(key, second, third))
    assert followed.public_key == third.public
    assert peers.get(tx, "acme") == followed
    assert peers.find(tx, key.public.fingerprint) is None
    # Whoever has stolen an earlier key can sign another way on from it.
    for stale in (rotated(key), rotated(key, second), rotated(key, SigningKey.generate())):
        with pytest.raises(Refused):
            peers.follow(tx, followed, stale)
    assert peers.get(tx, "acme") == followed


def test_the_same_key_changes_nothing(tx: Transaction, acme: Peer, key: SigningKey) -> None:
    assert peers.follow(tx, acme, rotated(key)) == acme == peers.get(tx, "acme")


def test_a_key_that_nothing_leads_to_is_refused_with_what_to_do(tx: Transaction, acme: Peer) -> None:
    stranger = SigningKey.generate()
    with pytest.raises(Refused) as caught:
        peers.follow(tx, acme, rotated(stranger))
    assert stranger.public.fingerprint.grouped in caught.value.message
    assert acme.fingerprint.grouped in caught.value.message
    assert "Ask its operator" in str(caught.value.hint)
    assert peers.get(tx, "acme") == acme


def test_a_revoked_peer_stays_revoked_under_its_new_keys(tx: Transaction, acme: Peer, key: SigningKey) -> None:
    second, third = SigningKey.generate(), SigningKey.generate()
    followed = peers.follow(tx, peers.revoke(tx, acme), rotated(key, second))
    assert (followed.public_key, followed.state) == (second.public, "revoked")
    assert peers.find(tx, second.public.fingerprint) == followed
    for document in (rotated(key), rotated(second, third), rotated(key, third)):
        assert peers.known(tx, document) == followed, "by whichever of its keys"
    assert peers.known(tx, rotated(third)) is None


def test_the_keys_of_a_removed_peer_are_not_followed(tx: Transaction, acme: Peer, key: SigningKey) -> None:
    peers.remove(tx, acme)
    with pytest.raises(Refused):
        peers.follow(tx, peers.by_id(tx, acme.id), rotated(key, SigningKey.generate()))


def test_earlier_keys_stay_the_peers_own(tx: Transaction, acme: Peer, key: SigningKey) -> None:
    before, second, third = (SigningKey.generate() for _ in range(3))
    followed = peers.follow(tx, acme, rotated(before, key, second))
    followed = peers.follow(tx, followed, rotated(before, key, second, third))
    for each in (before, key, second, third):
        assert peers.key_of(tx, followed, each.public.fingerprint) == each.public
    with pytest.raises(Refused):
        peers.key_of(tx, followed, SigningKey.generate().public.fingerprint)
    peers.add(tx, "other", URL, SigningKey.generate().public, now=NOW)
    with pytest.raises(Refused):
        peers.key_of(tx, peers.get(tx, "other"), key.public.fingerprint)


def test_a_peer_cannot_have_been_another(tx: Transaction, acme: Peer, key: SigningKey) -> None:
    """Else whoever was revoked would be back with the key that followed, under another name."""
    second, third = SigningKey.generate(), SigningKey.generate()
    peers.revoke(tx, acme)
    other = peers.add(tx, "other", URL, second.public, now=NOW)
    with pytest.raises(Conflict, match="'Acme', who was revoked"):
        peers.follow(tx, other, rotated(key, second, third))


def test_a_peer_cannot_become_another(tx: Transaction, acme: Peer, key: SigningKey) -> None:
    other = SigningKey.generate()
    peers.add(tx, "other", URL, other.public, now=NOW)
    with pytest.raises(Conflict, match="'other'"):
        peers.follow(tx, acme, rotated(key, other))
