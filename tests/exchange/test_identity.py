"""A hub has a key from its first start, goes on with new ones, and keeps what shows how one followed the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tukar.config import Config
from tukar.database import Database, Transaction
from tukar.errors import NotFound
from tukar.exchange import identity
from tukar.hub import open_hub
from tukar.signing import IdentityDocument, SigningKey, follow, sign, verify

NOW = 1_700_000_000.9
KIND = "application/vnd.tukar.test+json"


@pytest.fixture
def tx(database: Database) -> Iterator[Transaction]:
    with database.write() as tx:
        yield tx


def test_a_hub_has_a_key_from_its_first_start_and_keeps_it(tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        with open_hub(Config(data=tmp_path / "hub")) as hub, hub.services.database.read() as tx:
            found.append(identity.document(tx))
    assert found[0] == found[1]
    assert found[0].successions == ()


def test_two_hubs_have_two_keys(tmp_path: Path) -> None:
    keys = []
    for name in ("a", "b"):
        with open_hub(Config(data=tmp_path / name)) as hub, hub.services.database.read() as tx:
            keys.append(identity.current(tx).public)
    assert keys[0] != keys[1]


def test_without_a_key_there_is_nothing_to_sign_with(tx: Transaction) -> None:
    with pytest.raises(NotFound):
        identity.current(tx)


def test_who_knows_any_key_can_follow_it_to_the_current_one(tx: Transaction) -> None:
    identity.prepare(tx, NOW)
    known = [identity.current(tx).public.fingerprint]
    for _ in range(3):
        rotated = identity.rotate(tx, NOW)
        known.append(rotated.current.fingerprint)
    document = IdentityDocument.parse(identity.document(tx).encode())
    assert document == rotated
    assert len(set(known)) == 4
    assert {follow(document, each) for each in known} == {identity.current(tx).public}
    assert [succession.at for succession in document.successions] == [1_700_000_000] * 3


def test_it_signs_with_the_newest_key_and_keeps_the_others(tx: Transaction) -> None:
    identity.prepare(tx, NOW)
    first = identity.current(tx)
    envelope = sign(KIND, b"{}", first)
    identity.rotate(tx, NOW + 5)
    assert identity.current(tx).public != first.public
    assert [key.public for key in identity.keys(tx)] == [first.public, identity.current(tx).public]
    assert verify(envelope, KIND, [key.public for key in identity.keys(tx)], [first.public.fingerprint]) == b"{}"
    assert identity.key_of(tx, first.public.fingerprint).sign(b"again") == first.sign(b"again")
    assert [(key.fingerprint, key.since) for key in identity.history(tx)] == [
        (first.public.fingerprint, NOW),
        (identity.current(tx).public.fingerprint, NOW + 5),
    ]


def test_a_key_of_somebody_else_is_not_found(tx: Transaction) -> None:
    identity.prepare(tx, NOW)
    with pytest.raises(NotFound):
        identity.key_of(tx, SigningKey.generate().public.fingerprint)


def test_a_key_is_made_once(tx: Transaction) -> None:
    identity.prepare(tx, NOW)
    before = identity.current(tx).public
    identity.prepare(tx, NOW)
    assert [key.public for key in identity.keys(tx)] == [before]
