"""Two served hubs swap models over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tukar.exchange import identity as identities
from tukar.exchange import peers
from tukar.exchange.hubs import HubClient
from tukar.exchange.swap_client import SWAPS_PATH
from tukar.signing import SigningKey

from .site import Site
from .swapping import BASE, CHILD, offer, publish, run, state, two_sites


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[tuple[Site, Site]]:
    with two_sites(tmp_path) as both:
        yield both


@pytest.fixture
def offered(sites: tuple[Site, Site]) -> str:
    a, b = sites
    publish(a, "base", BASE)
    publish(b, "child", CHILD)
    swap_id = str(offer(a).raise_for_status().json()["id"])
    run(a, swap_id)
    return swap_id


def test_from_offer_to_receipt(sites: tuple[Site, Site], offered: str) -> None:
    a, b = sites
    (waiting,) = b.get("/api/tukar/swaps", "admin").json()
    assert (waiting["state"], waiting["role"], waiting["peer"]) == ("offered", "acceptor", "a")
    assert state(b, offered)["give"][0]["licence"] == "apache-2.0"
    b.post(f"/api/tukar/swaps/{offered}/accept", "admin", json={}).raise_for_status()
    for _ in range(3):
        run(b, offered)
        run(a, offered)
    for site in sites:
        assert state(site, offered)["state"] == "published"
        assert state(site, offered)["error"] is None
    assert a.resolve("admin/child", "weights.bin", "admin").content == CHILD
    assert b.resolve("admin/base", "weights.bin", "admin").content == BASE
    (receipt,) = a.get("/api/tukar/models/admin/child/receipts", "admin").json()
    assert b.get("/api/tukar/models/admin/child/receipts", "admin").json() == [receipt]
    assert len(receipt["signatures"]) == 2
    assert state(a, offered)["avoided_bytes"] > 0


def test_the_jobs_do_it_by_themselves(sites: tuple[Site, Site], offered: str) -> None:
    _, b = sites
    b.post(f"/api/tukar/swaps/{offered}/accept", "admin", json={}).raise_for_status()
    for site in sites:
        site.hub.runner.start()
    try:
        for site in sites:
            for _ in range(600):
                if state(site, offered)["state"] == "published":
                    break
                site.clock.now += 1.0
                httpx.get(f"{site.url}/ready")
        assert [state(site, offered)["state"] for site in sites] == ["published", "published"]
    finally:
        for site in sites:
            site.hub.runner.stop()


@pytest.mark.parametrize("who", [None, "alice", "alice reads", "admin reads"])
def test_only_administrators_swap(sites: tuple[Site, Site], offered: str, who: str | None) -> None:
    a, _ = sites
    for method, path in (
        ("GET", ""),
        ("GET", f"/{offered}"),
        ("POST", ""),
        ("POST", f"/{offered}/accept"),
        ("POST", f"/{offered}/refuse"),
        ("POST", f"/{offered}/cancel"),
    ):
        body = {"peer": "b", "give": [{"repository": "admin/base"}]}
        arguments = {"json": body} if method == "POST" else {}
        assert a.call(method, f"/api/tukar/swaps{path}", who, **arguments).status_code in (401, 403)
    assert state(a, offered)["state"] == "offered"


def test_strangers_learn_nothing(sites: tuple[Site, Site], offered: str) -> None:
    a, b = sites
    with b.hub.services.database.read() as tx:
        key = identities.current(tx).public.fingerprint
    body = json.dumps({"statements": []}).encode()
    replies = [b.post(f"{SWAPS_PATH}/{swap}", content=body) for swap in (offered, "0" * 64)]
    assert {reply.status_code for reply in replies} == {401}
    with HubClient(b.url, SigningKey.generate(), key, a.clock) as stranger:
        told = set()
        for swap in (offered, "0" * 64):
            for path in ("", "/objects"):
                with pytest.raises(Exception, match="not a peer") as refused:
                    stranger.post(f"{SWAPS_PATH}/{swap}{path}", body)
                told.add(str(refused.value))
        assert len(told) == 1


def test_a_swap_is_between_its_two_hubs(sites: tuple[Site, Site], offered: str) -> None:
    """Another peer of the same hub sees no such swap, and gets nothing of it."""
    _, b = sites
    third = SigningKey.generate()
    with b.hub.services.database.write() as tx:
        peers.add(tx, "third", "http://third.example", third.public, now=0.0)
        key = identities.current(tx).public.fingerprint
    with HubClient(b.url, third, key, b.clock) as client:
        for swap in (offered, "0" * 64):
            for path, body in (("", {"statements": []}), ("/objects", {"objects": [], "start": None})):
                with pytest.raises(Exception, match="no such swap"):
                    client.post(f"{SWAPS_PATH}/{swap}{path}", json.dumps(body).encode())
