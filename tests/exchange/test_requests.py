"""Requests: what they say is what their hub signed; they end by the swap that answers them, by hand, or with time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tukar.config import Config
from tukar.errors import Conflict, Invalid, NotFound
from tukar.exchange import requests
from tukar.exchange.requests import OPEN_LIMIT, REQUEST, Evaluation, Request, Wish
from tukar.hub import Hub, open_hub
from tukar.signing import BadSignature, Envelope, SigningKey, encode, sign

HUB, FOREIGN = SigningKey.generate(), SigningKey.generate()
WISH = Wish("A MiniLM for health", "similarity", "apache-2.0", "acme/base", Evaluation("ab" * 32, "recall@1", "0.83"))
ASKED = Request(HUB.public, 1000, 2000, WISH)


def payload(**changes: object) -> bytes:
    return encode(json.loads(ASKED.payload()) | changes)


@pytest.mark.parametrize("wish", [WISH, Wish("just this")])
def test_what_was_signed_is_what_is_read(wish: Wish) -> None:
    asked = replace(ASKED, wish=wish)
    assert requests.verify(sign(REQUEST, asked.payload(), HUB)) == asked


@pytest.mark.parametrize(
    "envelope",
    [
        sign(REQUEST, ASKED.payload(), FOREIGN),
        sign(REQUEST, ASKED.payload(), HUB, FOREIGN),
        replace(sign(REQUEST, ASKED.payload(), HUB), payload=payload(text="something else")),
        replace(sign(REQUEST, ASKED.payload(), HUB), payload=payload(hub=str(FOREIGN.public))),
        sign("application/vnd.tukar.offer+json", ASKED.payload(), HUB),
        sign(REQUEST, payload(more=1), HUB),
        sign(REQUEST, payload(text="  "), HUB),
        sign(REQUEST, payload(text="x" * 4001), HUB),
        sign(REQUEST, payload(licence="x" * 201), HUB),
        sign(REQUEST, payload(evaluation={"sha256": "ab" * 32, "metric": "m", "at_least": "best"}), HUB),
        sign(REQUEST, payload(evaluation={"sha256": "ab", "metric": "m", "at_least": "1"}), HUB),
        sign(REQUEST, payload(evaluation=[]), HUB),
        sign(REQUEST, payload(expires_at=-1), HUB),
    ],
)
def test_what_is_no_request_of_its_hub_is_refused(envelope: Envelope) -> None:
    with pytest.raises((Invalid, BadSignature)):
        requests.verify(envelope)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with open_hub(Config(data=tmp_path / "data")) as hub:
        yield hub


def state(hub: Hub, now: float = 1500.0) -> str:
    with hub.services.database.read() as tx:
        return requests.get(tx, ASKED.id[:6]).state(now)


def make(hub: Hub, asked: Request = ASKED) -> None:
    with hub.services.database.write() as tx:
        requests.insert(tx, asked, HUB, 1000.0)


def test_an_open_request_expires(hub: Hub) -> None:
    make(hub)
    assert (state(hub, 1999.9), state(hub, 2000.0)) == ("open", "expired")
    with hub.services.database.read() as tx:
        assert [entry.request for entry in requests.listing(tx, 1500.0, only_open=True)] == [ASKED]
        assert requests.listing(tx, 2500.0, only_open=True) == []
        assert len(requests.listing(tx, 2500.0, only_open=False)) == 1


def test_the_swap_that_answers_it_closes_it_once(hub: Hub) -> None:
    make(hub)
    with hub.services.database.write() as tx:
        assert not requests.close(tx, "cd" * 32, "5a" * 32)
        assert not requests.close(tx, "", "5a" * 32)
        assert requests.close(tx, ASKED.id, "5a" * 32)
        assert not requests.close(tx, ASKED.id, "5b" * 32)
        assert requests.get(tx, ASKED.id).swap_id == "5a" * 32
        with pytest.raises(Conflict, match="closed"):
            requests.withdraw(tx, requests.get(tx, ASKED.id), 1500.0)
    assert state(hub) == "closed"


def test_one_that_is_withdrawn_is_not_closed_by_a_swap_that_comes_later(hub: Hub) -> None:
    make(hub)
    with hub.services.database.write() as tx:
        requests.withdraw(tx, requests.get(tx, ASKED.id), 1500.0)
        assert not requests.close(tx, ASKED.id, "5a" * 32)
    assert state(hub) == "withdrawn"


def test_the_very_same_request_twice(hub: Hub) -> None:
    make(hub)
    with pytest.raises(Conflict, match="made already"):
        make(hub)


def test_not_more_are_open_than_everybody_who_asks_is_told(hub: Hub) -> None:
    with hub.services.database.write() as tx:
        for number in range(OPEN_LIMIT):
            requests.insert(tx, replace(ASKED, made_at=number), HUB, 1000.0)
    with pytest.raises(Conflict, match="are open"):
        make(hub, replace(ASKED, made_at=OPEN_LIMIT))


def test_an_id_is_known_by_its_beginning(hub: Hub) -> None:
    make(hub)
    with hub.services.database.read() as tx:
        assert requests.get(tx, ASKED.id).request == ASKED
        for prefix in (ASKED.id[:5], "", "%%%%%%", "______", "z" * 64):
            with pytest.raises(NotFound):
                requests.get(tx, prefix)


def test_a_request_that_could_not_be_read_is_not_signed(hub: Hub) -> None:
    with pytest.raises(Invalid):
        make(hub, replace(ASKED, wish=Wish("")))
