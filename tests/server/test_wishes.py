"""Requests over HTTP: open ones are everybody's to read, the rest is the administrator's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tukar.exchange import requests
from tukar.signing import Envelope

from .site import Site

PATH = "/api/tukar/requests"


def make(site: Site, text: str, **more: Any) -> dict[str, Any]:
    return dict(site.post(PATH, "admin", json={"text": text, **more}).raise_for_status().json())


def ids(site: Site, who: str | None = None, query: str = "") -> list[str]:
    return [each["id"] for each in site.get(f"{PATH}{query}", who).raise_for_status().json()]


def test_a_request_is_signed_by_the_hub_and_everybody_reads_it(site: Site) -> None:
    told = {"sha256": "ab" * 32, "metric": "recall@1", "at_least": "0.83"}
    made = make(site, "A model", task="t", licence="mit", base_model="acme/base", evaluation=told)
    (found,) = [each for each in site.get(PATH).json() if each["id"] == made["id"]]
    assert found == made == site.get(f"{PATH}/{made['id'][:8]}").json()
    request = requests.verify(Envelope.read(found["envelope"]))
    assert request.id == found["id"]
    assert request.hub.fingerprint.grouped == found["hub"]
    assert (request.wish.text, request.wish.licence) == ("A model", "mit")
    assert found["evaluation"] == told
    assert request.expires_at - request.made_at == 90 * 86_400


def test_what_ended_is_for_the_administrator_alone(site: Site) -> None:
    gone, stays = make(site, "gone")["id"], make(site, "stays")["id"]
    assert site.call("DELETE", f"{PATH}/{gone}", "admin").json()["state"] == "withdrawn"
    assert gone not in ids(site)
    assert {gone, stays} <= set(ids(site, "admin", "?all=true"))
    assert site.get(f"{PATH}/{gone}").status_code == 404
    assert site.get(f"{PATH}/{gone}", "admin").json()["state"] == "withdrawn"
    assert site.call("DELETE", f"{PATH}/{gone}", "admin").status_code == 409


def test_one_that_expired_is_asked_for_no_more(own_site: Site) -> None:
    made = make(own_site, "soon over", seconds=60)["id"]
    assert ids(own_site) == [made]
    own_site.clock.now += 60
    assert ids(own_site) == []
    assert own_site.get(f"{PATH}/{made}", "admin").json()["state"] == "expired"


@pytest.mark.parametrize("who", [None, "alice", "admin reads"])
def test_only_administrators_make_them(site: Site, who: str | None) -> None:
    made = make(site, f"for {who}")["id"]
    refused = 401 if who is None else 403
    assert site.post(PATH, who, json={"text": "mine"}).status_code == refused
    assert site.call("DELETE", f"{PATH}/{made}", who).status_code == refused
    assert site.get(f"{PATH}?all=1", who).status_code == refused


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": ""},
        {"text": 1},
        {"text": "x" * 4001},
        {"text": "x", "seconds": 0},
        {"text": "x", "seconds": 10**9},
        {"text": "x", "task": "y" * 201},
        {"text": "x", "evaluation": {}},
        {"text": "x", "evaluation": {"sha256": "no", "metric": "m", "at_least": "1"}},
        {"text": "x", "evaluation": {"sha256": "ab" * 32, "metric": "m", "at_least": "a lot"}},
        {"text": "\ud800"},
        [],
    ],
)
def test_requests_that_make_no_sense(site: Site, body: Any) -> None:
    assert site.post(PATH, "admin", content=json.dumps(body)).status_code == 400
