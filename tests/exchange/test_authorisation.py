"""A request of a hub is taken once, for what was signed, from a peer; anything else is refused, and tells nothing."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import sqlalchemy as sa

from tukar.database import Database, Transaction
from tukar.errors import Refused, TukarError, Unauthenticated
from tukar.exchange import authorisation, identity, peers, tables
from tukar.exchange.authorisation import REMEMBERED, TOLERANCE, Call, HubCredentials
from tukar.exchange.peers import Peer
from tukar.exchange.replies import OutdatedKey
from tukar.signing import SigningKey, encode, pae, payload_type

NOW = 1_700_000_000.0
PATH = "/api/tukar/exchange/swaps/1?x=%2F"
BODY = b'{"a":1}'


@dataclass
class Scene:
    """A hub that knows one peer, and that peer's key."""

    tx: Transaction
    key: SigningKey
    peer: Peer
    now: float = NOW

    @property
    def call(self) -> Call:
        """What the peer asks, as it should be."""
        sha256 = hashlib.sha256(BODY).hexdigest()
        receiver = identity.current(self.tx).public.fingerprint
        return Call(self.key.public.fingerprint, receiver, "POST", PATH, sha256, int(NOW), "0" * 32)

    def header(self, key: SigningKey | None = None, **changes: Any) -> str:
        return authorisation.signed(replace(self.call, **changes), key or self.key)

    def take(self, header: str, method: str = "POST", path: str = PATH, body: bytes = BODY) -> Peer:
        call, _ = authorisation.verify(self.tx, header, method, path, self.now)
        authorisation.check_body(call, body)
        return authorisation.spend(self.tx, call, self.now)


@pytest.fixture
def scene(database: Database) -> Iterator[Scene]:
    with database.write() as tx:
        identity.prepare(tx, NOW)
        key = SigningKey.generate()
        yield Scene(tx, key, peers.add(tx, "acme", "http://acme.example", key.public, now=NOW))


def test_a_signed_request_is_taken(scene: Scene) -> None:
    assert scene.take(scene.header()) == scene.peer


def test_what_credentials_sign_is_taken_each_time(scene: Scene) -> None:
    receiver = identity.current(scene.tx).public.fingerprint
    shown = HubCredentials(scene.key, receiver, lambda: NOW)
    for _ in range(2):
        assert scene.take(shown.headers("POST", PATH, BODY)["Authorization"]) == scene.peer


def test_a_request_is_taken_once(scene: Scene) -> None:
    scene.take(scene.header())
    with pytest.raises(Unauthenticated, match="came before"):
        scene.take(scene.header())
    scene.now += TOLERANCE
    with pytest.raises(Unauthenticated, match="came before"):
        scene.take(scene.header())


def test_the_nonce_is_the_sender_s_own(scene: Scene) -> None:
    other = SigningKey.generate()
    peers.add(scene.tx, "other", "http://other.example", other.public, now=NOW)
    scene.take(scene.header())
    assert scene.take(scene.header(other, sender=other.public.fingerprint)).name == "other"


@pytest.mark.parametrize(("method", "path", "body"), [
    ("PUT", PATH, BODY),
    ("GET", PATH, BODY),
    ("POST", PATH.replace("1", "2"), BODY),
    ("POST", PATH.replace("%2F", "/"), BODY),
    ("POST", PATH + "&y=1", BODY),
    ("POST", PATH, b""),
    ("POST", PATH, BODY + b" "),
])  # fmt: skip
def test_another_request_is_not_what_was_signed(scene: Scene, method: str, path: str, body: bytes) -> None:
    with pytest.raises(Unauthenticated):
        scene.take(scene.header(), method, path, body)
    assert scene.take(scene.header()) == scene.peer  # what failed has spent nothing


@pytest.mark.parametrize("seconds", [-TOLERANCE, TOLERANCE])
def test_clocks_may_differ(scene: Scene, seconds: int) -> None:
    assert scene.take(scene.header(at=int(NOW) + seconds)) == scene.peer


@pytest.mark.parametrize("seconds", [-TOLERANCE - 1, TOLERANCE + 1, -int(NOW), 2**53 - 1 - int(NOW)])
def test_clocks_that_differ_too_much_are_told_of_both_times(scene: Scene, seconds: int) -> None:
    with pytest.raises(Unauthenticated) as caught:
        scene.take(scene.header(at=int(NOW) + seconds))
    assert str(int(NOW)) in caught.value.message
    assert str(int(NOW) + seconds) in caught.value.message
    assert "clocks" in str(caught.value.hint)


def test_a_request_for_another_hub_is_refused(scene: Scene) -> None:
    with pytest.raises(Unauthenticated, match="meant for the hub with the key"):
        scene.take(scene.header(receiver=SigningKey.generate().public.fingerprint))


def test_a_request_for_a_key_that_was_replaced_says_so(scene: Scene) -> None:
    header = scene.header()
    new = identity.rotate(scene.tx, NOW).current
    with pytest.raises(OutdatedKey, match=new.fingerprint.grouped):
        scene.take(header)
    assert scene.take(scene.header()) == scene.peer


def refusal(scene: Scene, header: str) -> tuple[type[TukarError], str, str | None]:
    with pytest.raises(Refused) as caught:
        authorisation.verify(scene.tx, header, "POST", PATH, NOW)
    return type(caught.value), caught.value.message, caught.value.hint


def test_who_is_no_peer_learns_nothing_of_who_is(scene: Scene) -> None:
    stranger = SigningKey.generate()
    unknown = refusal(scene, scene.header(stranger, sender=stranger.public.fingerprint))
    forged = refusal(scene, scene.header(stranger))
    assert unknown == forged
    assert unknown == (Refused, authorisation.stranger().message, authorisation.stranger().hint)


@pytest.mark.parametrize("state", ["revoked", "removed"])
def test_who_was_a_peer_is_known_as_such(scene: Scene, state: str) -> None:
    peers.revoke(scene.tx, scene.peer) if state == "revoked" else peers.remove(scene.tx, scene.peer)
    _, peer = authorisation.verify(scene.tx, scene.header(), "POST", PATH, NOW)
    assert (peer.id, peer.is_trusted) == (scene.peer.id, False)
    # Somebody who only knows the fingerprint cannot find out.
    assert refusal(scene, scene.header(SigningKey.generate())) == refusal(
        scene, scene.header(sender=SigningKey.generate().public.fingerprint)
    )


def test_an_earlier_key_of_a_peer_is_worth_nothing(scene: Scene) -> None:
    new = SigningKey.generate()
    document = identity.IdentityDocument(scene.key.public).succeeded(scene.key, new, int(NOW))
    header = scene.header()
    call, _ = authorisation.verify(scene.tx, header, "POST", PATH, NOW)
    peers.follow(scene.tx, scene.peer, document)
    with pytest.raises(Refused):
        scene.take(header)
    with pytest.raises(Refused):  # it changed while the body was on its way
        authorisation.spend(scene.tx, call, NOW)
    assert scene.take(scene.header(new, sender=new.public.fingerprint)).id == scene.peer.id


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def sealed(scene: Scene, payload: bytes, type_: str = authorisation.REQUEST) -> str:
    return f"Tukar-Hub {b64(payload)}.{b64(scene.key.sign(pae(type_, payload)))}"


def altered(scene: Scene, **changes: object) -> str:
    value = json.loads(scene.call.payload()) | changes
    return sealed(scene, encode({name: member for name, member in value.items() if member is not None}))


MALFORMED: dict[str, Callable[[Scene], str]] = {
    "nothing": lambda s: "",
    "no parts": lambda s: "Tukar-Hub",
    "one part": lambda s: s.header().split(".")[0],
    "three parts": lambda s: s.header() + ".AA",
    "another scheme": lambda s: s.header().replace("Tukar-Hub", "Bearer"),
    "something in front": lambda s: "x" + s.header(),
    "a line more": lambda s: s.header() + "\n",
    "padding": lambda s: s.header() + "==",
    "the other alphabet": lambda s: s.header().replace("-", "+").replace("Tukar+", "Tukar-") + "+",
    "base64 of no length": lambda s: "Tukar-Hub A.A",
    "bits left over": lambda s: f"Tukar-Hub {b64(s.call.payload())}.{b64(bytes(64))[:-1]}B",
    "huge": lambda s: "Tukar-Hub " + "A" * 10_000_000 + ".AA",
    "a long signature": lambda s: s.header() + "A" * 10_000,
    "no JSON": lambda s: sealed(s, b"\x00\xff"),
    "not an object": lambda s: sealed(s, b"[]"),
    "spaces": lambda s: sealed(s, s.call.payload().replace(b":", b": ")),
    "a member twice": lambda s: sealed(s, s.call.payload().replace(b"{", b'{"at":1,', 1)),
    "a field missing": lambda s: altered(s, nonce=None),
    "a field more": lambda s: altered(s, admin=True),
    "at is a string": lambda s: altered(s, at="1700000000"),
    "at is before 1970": lambda s: altered(s, at=-1),
    "no nonce": lambda s: altered(s, nonce=""),
    "a nonce of another form": lambda s: altered(s, nonce="0" * 31 + "G"),
    "a digest of another form": lambda s: altered(s, body="0" * 63),
    "a fingerprint of another form": lambda s: altered(s, **{"from": s.key.public.fingerprint.grouped}),
    "a long path": lambda s: altered(s, path="/" * 5000),
}


@pytest.mark.parametrize("form", MALFORMED)
def test_a_malformed_header_is_nobody_s(scene: Scene, form: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        scene.take(MALFORMED[form](scene))
    assert "not the Authorization of a hub" in caught.value.message
    assert len(caught.value.message) < 400


def test_a_signature_of_something_else_is_no_request(scene: Scene) -> None:
    with pytest.raises(Refused):
        scene.take(sealed(scene, scene.call.payload(), payload_type("offer")))
    with pytest.raises(Refused):
        scene.take(f"Tukar-Hub {b64(scene.call.payload())}.{b64(scene.key.sign(scene.call.payload()))}")
    with pytest.raises(Refused):
        scene.take(f"Tukar-Hub {b64(scene.call.payload())}.{b64(b'short')}")


def test_nonces_are_forgotten_when_nobody_would_take_them(scene: Scene) -> None:
    count = sa.select(sa.func.count()).select_from(tables.nonces)
    scene.take(scene.header())
    scene.now += REMEMBERED
    scene.take(scene.header(at=int(scene.now), nonce="1" * 32))
    assert scene.tx.execute(count).scalar_one() == 2
    scene.now += 1
    scene.take(scene.header(at=int(scene.now), nonce="2" * 32))
    assert scene.tx.execute(count).scalar_one() == 2


def test_a_body_that_takes_for_ever_does_not_outlive_the_nonce(scene: Scene) -> None:
    scene.take(scene.header())
    call, _ = authorisation.verify(scene.tx, scene.header(), "POST", PATH, NOW + TOLERANCE)
    for late in (TOLERANCE, REMEMBERED, REMEMBERED + 1, 10 * REMEMBERED):
        with pytest.raises(Unauthenticated):
            authorisation.spend(scene.tx, call, NOW + late)


def test_who_is_refused_fills_no_table(scene: Scene) -> None:
    stranger = SigningKey.generate()
    for header in (scene.header(stranger), scene.header(stranger, sender=stranger.public.fingerprint)):
        with pytest.raises(Refused):
            scene.take(header)
    assert scene.tx.execute(sa.select(tables.nonces)).all() == []
