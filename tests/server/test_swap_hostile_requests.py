"""Requests that are not signed as they must be, or are out of all proportion, are refused before anything is done."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tukar.exchange import peers
from tukar.exchange.authorisation import signed
from tukar.exchange.offers import OFFER
from tukar.exchange.swap_client import SWAPS_PATH
from tukar.exchange.tables import peers as peer_rows
from tukar.signing import SigningKey

from .hostile import both as both
from .hostile import refused
from .hostile import third as third
from .hostile import victim as victim
from .hostile import villain as villain
from .victim import Victim
from .villain import Villain, body_of

PATH = f"{SWAPS_PATH}/{'0' * 64}"

LIES: dict[str, Callable[[Villain], dict[str, Any]]] = {
    "for another hub": lambda v: {"receiver": SigningKey.generate().public.fingerprint},
    "for itself": lambda v: {"receiver": v.key.public.fingerprint},
    "for another path": lambda v: {"path": "/api/tukar/exchange/swaps"},
    "for a query": lambda v: {"path": f"{PATH}?a=b"},
    "for another method": lambda v: {"method": "GET"},
    "for another body": lambda v: {"body": "0" * 64},
    "from the past": lambda v: {"at": int(v.victim.site.clock()) - 302},
    "from the future": lambda v: {"at": int(v.victim.site.clock()) + 302},
    "from the end of time": lambda v: {"at": (1 << 53) - 1},
    "by somebody else": lambda v: {"sender": SigningKey.generate().public.fingerprint},
    "by the victim itself": lambda v: {"sender": v.victim.key.fingerprint},
    "with a short nonce": lambda v: {"nonce": "00"},
    "with a long path": lambda v: {"path": "/" + "a" * 5000},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_a_request_that_is_signed_for_something_else(
    villain: Villain, lie: Callable[[Villain], dict[str, Any]]
) -> None:
    answer = villain.post(PATH, body_of(), **lie(villain))
    assert refused(answer)
    assert answer.status_code in (401, 403)


HEADERS: dict[str, Callable[[str], str]] = {
    "none": lambda header: "",
    "another scheme": lambda header: header.replace("Tukar-Hub", "Bearer"),
    "no signature": lambda header: header.partition(".")[0],
    "half a signature": lambda header: header[:-40],
    "another signature": lambda header: (
        header.partition(".")[0] + "." + base64.urlsafe_b64encode(b"\0" * 64).decode().rstrip("=")
    ),
    "base64 in another form": lambda header: header + "=",
    "no base64": lambda header: header.replace(".", "!."),
    "too long": lambda header: header + "A" * 9000,
    "JSON that is none": lambda header: "Tukar-Hub e30." + header.partition(".")[2],
}


@pytest.mark.parametrize("change", HEADERS.values(), ids=HEADERS.keys())
def test_a_header_that_is_none(villain: Villain, change: Callable[[str], str]) -> None:
    body = json.dumps(body_of()).encode()
    assert refused(villain.post(PATH, body, headers={"Authorization": change(villain.header(PATH, body))}))


def test_two_headers(villain: Villain) -> None:
    body = json.dumps(body_of()).encode()
    shown = [("Authorization", villain.header(PATH, body))] * 2
    assert refused(villain.victim.site.http.post(PATH, content=body, headers=shown))


def test_a_request_that_comes_again(villain: Villain, victim: Victim) -> None:
    made = villain.offered()
    path, body = f"{SWAPS_PATH}/{made.swap}", json.dumps(body_of()).encode()
    header = {"Authorization": villain.header(path, body)}
    assert villain.post(path, body, headers=header).status_code == 200
    assert refused(villain.post(path, body, headers=header))
    victim.site.clock.now += 299
    assert refused(villain.post(path, body, headers=header))


def test_a_request_of_somebody_else_with_another_body(villain: Villain, third: Villain) -> None:
    body = json.dumps(body_of()).encode()
    header = {"Authorization": third.header(PATH, body)}
    assert refused(villain.post(PATH, body_of(villain.ending("0" * 64)), headers=header))


@pytest.mark.parametrize("skew", [-299, 299])
def test_clocks_that_nearly_agree(villain: Villain, skew: int) -> None:
    made = villain.offer()
    path = f"{SWAPS_PATH}/{made.swap}"
    at = int(villain.victim.site.clock()) + skew
    assert villain.post(path, body_of(villain.sign(OFFER, made.payload())), at=at).status_code == 200


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no object": b"[]",
    "no list": b'{"statements": {}}',
    "no envelopes": b'{"statements": [1, 2]}',
    "half of a surrogate pair": b'{"statements": [{"payloadType": "\\ud800", "payload": "", "signatures": []}]}',
    "no signatures": b'{"statements": [{"payloadType": "a", "payload": "", "signatures": []}]}',
    "many signatures": b'{"statements": [{"payloadType": "a", "payload": "", "signatures": ['
    + b",".join([b'{"keyid": "a", "sig": ""}'] * 17)
    + b"]}]}",
    "base64 in another form": b'{"statements": [{"payloadType": "a", "payload": "YR==", "signatures": []}]}',
    "depth": b'{"statements": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a number of many digits": b'{"statements": [' + b"9" * 100_000 + b"]}",
    "no number": b'{"statements": [NaN]}',
    "bytes that are no text": b'{"statements": "\xff"}',
    "more bytes than a swap has": b'{"statements": [' + b" " * (32 << 20) + b"]}",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_body_that_is_none(villain: Villain, body: bytes) -> None:
    assert refused(villain.post(PATH, body))


def test_a_stranger_learns_nothing_of_any_swap(villain: Villain, victim: Victim) -> None:
    swap_id = victim.offer()
    stranger = Villain(SigningKey.generate(), victim, villain.store)
    told = set()
    for each in (swap_id, "0" * 64):
        for answer in (stranger.say(each, villain.accept(each)), stranger.fetch(each, victim.digests("base"))):
            assert answer.status_code == 403
            told.add(answer.content)
    assert len(told) == 1
    assert victim.state(swap_id) == "offered"


def test_a_key_of_a_peer_is_good_for_requests_alone_that_it_signs(villain: Villain, third: Villain) -> None:
    """A signature under another peer's name."""
    body = json.dumps(body_of()).encode()
    call = villain.call(PATH, body, sender=third.key.public.fingerprint)
    assert refused(villain.post(PATH, body, headers={"Authorization": signed(call, villain.key)}))


def test_a_peer_that_was_revoked(villain: Villain, victim: Victim) -> None:
    """It may hear how its swap ends, and gets nothing else."""
    swap_id = victim.offer()
    made = villain.offer()
    with victim.services.database.write() as tx:
        peers.revoke(tx, peers.get(tx, "villain"))
    try:
        assert refused(villain.say(made.swap, villain.sign(OFFER, made.payload())))
        answers: list[httpx.Response] = [villain.fetch(each, victim.digests("base")) for each in (swap_id, "0" * 64)]
        assert {answer.status_code for answer in answers} == {403}
        assert answers[0].content == answers[1].content
        assert not victim.knows(made.swap)
    finally:
        with victim.services.database.write() as tx:
            tx.execute(peer_rows.update().values(state="trusted"))


def test_who_was_revoked_may_say_little_except_of_swaps_that_have_not_ended(villain: Villain, victim: Victim) -> None:
    """A receipt lists every file, and whoever waits for it must hear it from the revoked too."""
    open_one, ended = villain.offered(villain.item()), villain.offered(villain.item())
    assert victim.site.post("/api/tukar/peers/villain/revoke", "admin").status_code == 200
    assert villain.say(ended.swap, villain.ending(ended.swap)).status_code == 200
    body = json.dumps(body_of()).encode() + b" " * (64 << 10)
    told = {
        swap: villain.post(f"{SWAPS_PATH}/{swap}", body).status_code for swap in (open_one.swap, ended.swap, "0" * 64)
    }
    assert told == {open_one.swap: 200, ended.swap: 413, "0" * 64: 413}
