"""Offers that are not what they must be are refused, and nothing is kept of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from tukar.exchange.offers import ACCEPTANCE, OFFER
from tukar.signing import SigningKey, sign

from .hostile import both as both
from .hostile import refused
from .hostile import third as third
from .hostile import victim as victim
from .hostile import villain as villain
from .victim import Victim
from .villain import Villain

Change = Callable[[dict[str, Any]], Any]


def file(**members: Any) -> Change:
    return lambda offer: offer["give"][0]["files"][0].update(members)


def item(**members: Any) -> Change:
    return lambda offer: offer["give"][0].update(members)


def whole(**members: Any) -> Change:
    return lambda offer: offer.update(members)


def paths(*names: str) -> Change:
    def change(offer: dict[str, Any]) -> None:
        first = offer["give"][0]["files"][0]
        offer["give"][0]["files"] = [first | {"path": name} for name in names]

    return change


def path(name: str) -> Change:
    return paths(name)


def take(**members: Any) -> Change:
    return whole(take=[{"repository": "admin/base", "revision": "main", "type": "model"} | members])


CASES: dict[str, Change] = {
    "a path that leads out": path("../../etc/passwd"),
    "a path that leads out later": path("a/../../b"),
    "an absolute path": path("/etc/passwd"),
    "git's own folder": path(".git/hooks/post-checkout"),
    "git's own folder in capitals": path("a/.GIT/config"),
    "a path with NUL": path("weights\0.bin"),
    "a path with a backslash": path("..\\..\\boot.ini"),
    "a path with a line break": path("a\nb"),
    "a path with an escape": path("\x1b[2Ja"),
    "a path of 2,000 components": path("/".join("a" * 2000)),
    "a path with a long component": path("a" * 256),
    "a path of nothing": path(""),
    "a path with an empty component": path("a//b"),
    "a path that stays where it is": path("./a"),
    "half of a surrogate pair": path("\ud800"),
    "a file where a folder is": paths("a", "a/b"),
    "a file where a folder is, deep down": paths("a/b", "a/b-c", "a/b/c/d"),
    "one path twice": paths("a", "a"),
    "paths out of order": paths("b", "a"),
    "a negative size": file(size=-1),
    "a size beyond all": file(size=1 << 53),
    "a size that is no integer": file(size=1.5),
    "a size in words": file(size="12"),
    "a size that is true": file(size=True),
    "a digest in capitals": file(sha256="A" * 64),
    "a short digest": file(sha256="ab"),
    "a manifest that is none": file(manifest="../objects/" + "a" * 53),
    "a git id that is none": file(oid="a" * 64),
    "a flag that is none": file(lfs=1),
    "a field that nobody knows": file(mode="0777"),
    "a repository outside of all": item(repository="../../admin/base"),
    "a repository of three parts": item(repository="a/b/c"),
    "a repository with a line break": item(repository="villain/loot\n"),
    "a repository with NUL": item(repository="villain/lo\0ot"),
    "a reserved namespace": item(repository="api/loot"),
    "a type that is none": item(type="weights"),
    "a tag with an escape": item(tags=["license:\x1b]0;owned\x07"]),
    "a tag that turns the text": item(tags=["license:\u202etim"]),
    "too many tags": item(tags=["a"] * 101),
    "tags that are no list": item(tags="abc"),
    "a licence with a line break": item(licence="mit\r\nSet-Cookie: a=b"),
    "a commit that is none": item(commit="main"),
    "a note with a bell": whole(note="hello\x07"),
    "a note without end": whole(note="a" * 4001),
    "one repository twice": lambda offer: offer.update(give=offer["give"] * 2),
    "101 repositories": lambda offer: offer.update(give=offer["give"] * 101),
    "nothing for nothing": whole(give=[], take=[]),
    "one repository asked for twice": whole(
        take=[{"repository": "admin/base", "revision": name, "type": "model"} for name in ("main", "other")]
    ),
    "a revision with an escape": take(revision="main\x1b[31m"),
    "a repository asked for that is none": take(repository="admin"),
    "an offer that has expired": whole(expires_at=1),
    "an offer that never expires": whole(expires_at=(1 << 53) - 1),
    "an offer that was made in an hour": lambda offer: offer.update(made_at=offer["made_at"] + 3600),
    "an offer that stands for two years": lambda offer: offer.update(expires_at=offer["made_at"] + 2 * 365 * 86_400),
    "an end that is no integer": whole(expires_at=1e10),
    "a nonce that is none": whole(nonce="0"),
    "a request that is none": whole(request="a"),
    "somebody else's key": whole(offerer=str(SigningKey.generate().public)),
    "a key of small order": whole(offerer="00" * 32),
    "another hub's offer": whole(acceptor=str(SigningKey.generate().public)),
    "depth": whole(note=json.loads("[" * 40 + "]" * 40)),
}


@pytest.mark.parametrize("change", CASES.values(), ids=CASES.keys())
def test_what_no_offer_may_hold(villain: Villain, victim: Victim, change: Change) -> None:
    value = json.loads(villain.offer().payload())
    change(value)
    assert_refused(villain, victim, canonical(value))


FORMS: dict[str, Callable[[bytes], bytes]] = {
    "spaces": lambda data: data.replace(b",", b", "),
    "a name twice": lambda data: data.replace(b'{"acceptor"', b'{"acceptor":"","acceptor"'),
    "names out of order": lambda data: json.dumps(dict(reversed(json.loads(data).items()))).encode(),
    "bytes that are no text": lambda data: data.replace(b'"note":""', b'"note":"\xff"'),
    "no JSON": lambda data: data[:-1],
    "an integer of a thousand digits": lambda data: data.replace(b'"made_at":', b'"made_at":' + b"9" * 1000),
    "nothing": lambda data: b"null",
    "brackets without end": lambda data: b"[" * 100_000,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_what_has_not_the_one_form(villain: Villain, victim: Victim, form: Callable[[bytes], bytes]) -> None:
    assert_refused(villain, victim, form(villain.offer().payload()))


def assert_refused(villain: Villain, victim: Victim, payload: bytes) -> None:
    swap_id = hashlib.sha256(payload).hexdigest()
    assert refused(villain.say(swap_id, villain.sign(OFFER, payload)))
    assert not victim.knows(swap_id)


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def test_an_offer_under_another_swap(villain: Villain, victim: Victim) -> None:
    made = villain.offer()
    assert refused(villain.say("0" * 64, villain.sign(OFFER, made.payload())))
    assert not victim.knows("0" * 64)


@pytest.mark.parametrize("swap_id", ["0" * 63, "../admin", "A" * 64, "%00" * 32, "0" * 64 + "%0a"])
def test_an_offer_under_what_is_no_swap(villain: Villain, swap_id: str) -> None:
    assert refused(villain.say(swap_id, villain.sign(OFFER, villain.offer().payload())))


def test_an_offer_that_somebody_else_signed(villain: Villain, third: Villain, victim: Victim) -> None:
    made = villain.offer()
    for envelope in (
        third.sign(OFFER, made.payload()),
        sign(OFFER, made.payload(), villain.key, third.key),
        sign(OFFER, made.payload(), SigningKey.generate()),
        villain.sign(ACCEPTANCE, made.payload()),
    ):
        assert refused(villain.say(made.swap, envelope))
        assert refused(third.say(made.swap, envelope))
    assert not victim.knows(made.swap)


def test_a_peers_offer_from_another_peer(villain: Villain, third: Villain, victim: Victim) -> None:
    made = villain.offer()
    assert refused(third.say(made.swap, villain.sign(OFFER, made.payload())))
    assert not victim.knows(made.swap)


def test_the_victims_own_offer_to_itself(villain: Villain, victim: Victim) -> None:
    swap_id = victim.offer()
    own = victim.statement(swap_id)
    assert refused(villain.say(swap_id, villain.sign(OFFER, own.payload())))
    assert victim.state(swap_id) == "offered"


def test_an_offer_that_is_altered_later(villain: Villain, victim: Victim) -> None:
    made = villain.offered()
    altered = json.loads(made.payload()) | {"note": "cheaper"}
    assert refused(villain.say(made.swap, villain.sign(OFFER, canonical(altered))))
    assert victim.shown(made.swap)["note"] == ""


def test_an_offer_that_comes_again_after_its_end(villain: Villain, victim: Victim) -> None:
    made = villain.offered()
    victim.cancel(made.swap).raise_for_status()
    answer = villain.say(made.swap, villain.sign(OFFER, made.payload()))
    assert [each["payloadType"] for each in answer.json()["statements"]] == ["application/vnd.tukar.ending+json"]
    assert victim.state(made.swap) == "cancelled"
    assert victim.accept(made.swap).status_code == 409


def test_more_offers_than_an_operator_can_look_at(villain: Villain, victim: Victim) -> None:
    for _ in range(50):
        villain.offered()
    made = villain.offer()
    assert refused(villain.say(made.swap, villain.sign(OFFER, made.payload())))
    assert not victim.knows(made.swap)
