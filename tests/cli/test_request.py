"""Requests on the command line: made here, read there, verified with the key of the peer that makes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tukar.exchange.requests import REQUEST, Request, Wish
from tukar.signing import IdentityDocument, SigningKey, sign

from .fake import FakeHub
from .hub import Commands
from .pair import Pair, pair


@pytest.fixture(scope="module")
def hubs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("pair")) as made:
        yield made


def test_a_request_of_ours_as_theirs_reads_it(hubs: Pair, tmp_path: Path) -> None:
    (tmp_path / "questions.jsonl").write_bytes(b"secret questions")
    measured = ("--evaluation", tmp_path / "questions.jsonl", "--metric", "recall@1", "--at-least", "0.83")
    wanted = ("--task", "similarity", "--licence", "apache-2.0", "--base", "acme/base")
    made = hubs.ours.tukar.json("request", "make", "A MiniLM for health", *wanted, *measured)
    assert made["evaluation"]["sha256"] == hashlib.sha256(b"secret questions").hexdigest()
    assert "secret" not in json.dumps(made)
    read = hubs.theirs.tukar.json("request", "list", "--peer", "ours")
    (seen,) = [each for each in read if each["id"] == made["id"]]
    dates = ("made", "expires")
    assert {k: v for k, v in seen.items() if k not in dates} == {k: v for k, v in made.items() if k not in dates}
    assert hubs.theirs.tukar.json("request", "show", made["id"][:8], "--peer", "ours") == seen
    told = hubs.theirs.tukar("request", "show", made["id"][:8], "--peer", "ours").stdout
    for part in ("A MiniLM for health", "apache-2.0", "acme/base", "0.83", "recall@1", made["evaluation"]["sha256"]):
        assert part in told
    assert "A MiniLM for health" in hubs.theirs.tukar("request", "list", "--peer", "ours").stdout
    hubs.ours.tukar.json("request", "withdraw", made["id"][:8])
    assert made["id"] not in {each["id"] for each in hubs.theirs.tukar.json("request", "list", "--peer", "ours")}
    assert made["id"] not in {each["id"] for each in hubs.ours.tukar.json("request", "list")}
    (kept,) = [each for each in hubs.ours.tukar.json("request", "list", "--all") if each["id"] == made["id"]]
    assert kept["state"] == "withdrawn"


def test_an_offer_answers_it_by_the_beginning_of_its_id(hubs: Pair, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "README.md").write_text("# An answer")
    hubs.theirs.tukar.json("push", tmp_path / "m", "admin/answer")
    made = hubs.ours.tukar.json("request", "make", "Anything with a card")
    asked = ("--give", "admin/answer", "--request", made["id"][:10])
    offered = hubs.theirs.tukar.json("swap", "offer", "ours", *asked)
    assert offered["request"] == made["id"]
    hubs.ours.wait_for(offered["id"], "offered")
    assert "you asked for: Anything with a card" in hubs.ours.tukar("swap", "inbox").stdout
    done = hubs.theirs.tukar("swap", "offer", "ours", "--give", "admin/answer", "--request", "abcdef00")
    assert (done.code, "no request" in done.stderr) == (1, True)


def test_requests_of_a_hub_that_changed_its_key(hubs: Pair) -> None:
    made = hubs.ours.tukar.json("request", "make", "made with the first key")
    hubs.ours.tukar.json("identity", "rotate")
    after = hubs.ours.tukar.json("request", "make", "made with the second key")
    read = {each["id"] for each in hubs.theirs.tukar.json("request", "list", "--peer", "ours")}
    assert {made["id"], after["id"]} <= read


@pytest.mark.slow
def test_a_hub_that_is_down(tmp_path: Path) -> None:
    with pair(tmp_path) as own:
        running = own.ours.tukar.json("request", "make", "before it went down")
        own.ours.hub.stop()
        folder = ("--data", own.ours.hub.data)
        assert own.ours.tukar.json("request", "list", *folder) == [running]
        assert own.ours.tukar.json("request", "show", running["id"], *folder) == running
        made = own.ours.tukar.json("request", "make", "while it is down", *folder)
        assert own.ours.tukar.json("request", "withdraw", made["id"], *folder)["state"] == "withdrawn"
        theirs = own.theirs.tukar.json("request", "make", "of the other")
        read = own.ours.tukar.json("request", "list", "--peer", "theirs", *folder)
        assert [each["id"] for each in read] == [theirs["id"]]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("make", ""), 1),
        (("make", "x", "--metric", "m"), 2),
        (("make", "x", "--at-least", "1"), 2),
        (("make", "x", "--expires", "9000d"), 1),
        (("list", "--peer", "ours", "--all"), 2),
        (("list", "--peer", "nobody"), 1),
        (("show", "abcdef0123"), 1),
        (("show", "abcdef0123", "--peer", "ours"), 1),
        (("withdraw", "abcdef0123"), 1),
    ],
)
def test_what_makes_no_sense(hubs: Pair, arguments: tuple[str, ...], code: int) -> None:
    assert hubs.theirs.tukar("request", *arguments).code == code


def test_a_stranger_reads_and_makes_nothing(hubs: Pair) -> None:
    stranger = hubs.ours.tukar.as_(None)
    assert stranger("request", "list").code == 0
    assert stranger("request", "list", "--all").code == 1
    assert stranger("request", "make", "x").code == 1


# A peer that lies

PEER, FOREIGN = SigningKey.generate(), SigningKey.generate()


def signed(key: SigningKey, *signers: SigningKey, expires_at: int = 4_102_444_800) -> dict[str, Any]:
    payload = Request(key.public, 1, expires_at, Wish("x")).payload()
    return {"envelope": sign(REQUEST, payload, *signers).value()}


@pytest.fixture
def liar(deceived: Commands, fake: FakeHub) -> Commands:
    """One's own hub, which has itself as the peer `liar`: the fake answers for both."""
    peer = {"name": "liar", "url": fake.url, "fingerprint": PEER.public.fingerprint.grouped, "state": "trusted"}
    fake.says("GET /api/tukar/peers", lambda r: r.answer_json([peer | {"added": "2026-01-01T00:00:00.000Z"}]))
    fake.says("GET /api/tukar/identity", lambda r: r.answer(200, IdentityDocument(PEER.public).encode()))
    return deceived


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ([signed(FOREIGN, FOREIGN)], "is by another hub"),
        ([signed(PEER, FOREIGN)], "may not sign"),
        ([{"envelope": None}], "envelope"),
        ([{}], "envelope"),
        ({"requests": []}, "a list is expected"),
    ],
    ids=["another hub's", "not its signature", "no envelope", "nothing", "no list"],
)
def test_a_peer_that_lies(liar: Commands, fake: FakeHub, told: Any, error: str) -> None:
    fake.says("GET /api/tukar/requests", lambda r: r.answer_json(told))
    done = liar("request", "list", "--peer", "liar")
    assert done.code == 1
    assert error in done.stderr


def test_what_a_peer_signed_is_shown_and_what_expired_is_not(liar: Commands, fake: FakeHub) -> None:
    fake.says(
        "GET /api/tukar/requests", lambda r: r.answer_json([signed(PEER, PEER, expires_at=e) for e in (5, 2**50)])
    )
    (found,) = liar.json("request", "list", "--peer", "LIAR")
    assert found["expires"] == str(2**50)
    tokens = [headers.get("Authorization") for _, path, headers in fake.requests if path == "/api/tukar/requests"]
    assert tokens == [None]


def test_another_hub_at_the_peer_s_address(liar: Commands, fake: FakeHub) -> None:
    fake.says("GET /api/tukar/identity$", lambda r: r.answer(200, IdentityDocument(FOREIGN.public).encode()))
    done = liar("request", "list", "--peer", "liar")
    assert done.code == 1
    assert "not the one that is known of 'liar'" in done.stderr
