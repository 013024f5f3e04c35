"""A hub goes on with a new key, and its peers follow by themselves, also in the midst of a swap."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tukar.errors import NotFound, Refused, Unavailable
from tukar.exchange import identity as identities
from tukar.exchange import peers, receipts, swaps
from tukar.exchange.hubs import HubClient
from tukar.exchange.offers import RECEIPT
from tukar.exchange.swap_client import SWAPS_PATH, SwapClient
from tukar.jobs import queue
from tukar.signing import Envelope, Fingerprint, SigningKey
from tukar.usecases import peer as usecase

from .fronts import answering
from .site import Site
from .swapping import BASE, CHILD, offer, publish, run, state, two_sites


def accept(_: Site, b: Site, swap: str) -> None:
    b.post(f"/api/tukar/swaps/{swap}/accept", "admin", json={}).raise_for_status()


def lose_the_receipt(a: Site, b: Site, swap: str) -> None:
    """A decides when it hears of b's signature, and b does not get the answer."""
    post = SwapClient.post

    def lost(self: SwapClient, swap_id: str, statements: Sequence[Envelope]) -> list[Envelope]:
        answer = post(self, swap_id, statements)
        if any(statement.payload_type == RECEIPT for statement in statements):
            raise Unavailable("the answer is lost")
        return answer

    run(a, swap)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SwapClient, "post", lost)
        run(b, swap)


Step = Callable[[Site, Site, str], None]
OFFER: tuple[Step, ...] = (lambda a, b, swap: run(a, swap),)
STEPS: dict[str, tuple[Step, ...]] = {
    "offered and offered": OFFER,
    "offered and unknown": (),
    "offered and accepted": (*OFFER, accept),
    "ready and accepted": (*OFFER, accept, lambda a, b, swap: run(a, swap)),
    "accepted and prepared": (*OFFER, accept, lambda a, b, swap: run(b, swap)),
    "published and prepared": (*OFFER, accept, lose_the_receipt),
}
"""How a swap comes to stand where it stands with a and b when a key changes."""


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[tuple[Site, Site]]:
    with two_sites(tmp_path) as both:
        yield both


def rotate(site: Site) -> None:
    site.post("/api/tukar/identity/rotate", "admin").raise_for_status()


def fingerprint(site: Site) -> Fingerprint:
    with site.hub.services.database.read() as tx:
        return identities.current(tx).public.fingerprint


def known(site: Site) -> dict[str, str]:
    """The one peer of a site."""
    (peer,) = site.get("/api/tukar/peers", "admin").json()
    return dict(peer)


def go_on(sites: tuple[Site, Site], times: int = 6) -> None:
    """What the hubs do by themselves in some minutes."""
    for _ in range(times):
        for site in sites:
            while site.hub.runner.run_one():
                pass
        for site in sites:
            site.clock.now += 20


def begun(sites: tuple[Site, Site], until: str) -> str:
    a, b = sites
    publish(a, "base", BASE)
    publish(b, "child", CHILD)
    swap = str(offer(a).raise_for_status().json()["id"])
    for step in STEPS[until]:
        step(a, b, swap)
    shown = [site.get(f"/api/tukar/swaps/{swap}", "admin").json().get("state", "unknown") for site in sites]
    assert " and ".join(shown) == until
    return swap


def check_published(sites: tuple[Site, Site], swap: str, keys: set[Fingerprint]) -> None:
    a, b = sites
    assert [state(site, swap)["state"] for site in sites] == ["published", "published"]
    assert [state(site, swap)["error"] for site in sites] == [None, None]
    assert a.resolve("admin/child", "weights.bin", "admin").content == CHILD
    assert b.resolve("admin/base", "weights.bin", "admin").content == BASE
    (value,) = a.get("/api/tukar/models/admin/child/receipts", "admin").json()
    assert b.get("/api/tukar/models/admin/base/receipts", "admin").json() == [value]
    receipt = receipts.verify(Envelope.read(value))
    assert {receipt.offerer.fingerprint, receipt.acceptor.fingerprint} == keys


CASES = [
    pytest.param(until, who, marks=() if (number + (who == "b")) % 2 else pytest.mark.slow)
    for number, until in enumerate(STEPS)
    for who in "ab"
]


@pytest.mark.parametrize(("until", "who"), CASES)
def test_a_swap_survives_new_keys(sites: tuple[Site, Site], until: str, who: str) -> None:
    a, b = sites
    keys = {fingerprint(site) for site in sites}
    swap = begun(sites, until)
    rotate(a if who == "a" else b)
    go_on(sites)
    accept(a, b, swap)
    go_on(sites)
    check_published(sites, swap, keys)
    for near, far in (sites, sites[::-1]):
        assert known(near)["fingerprint"] == fingerprint(far).grouped


def test_keys_may_change_again_and_again(sites: tuple[Site, Site]) -> None:
    a, b = sites
    keys = {fingerprint(site) for site in sites}
    swap = begun(sites, "offered and unknown")
    for _ in range(2):
        rotate(a)
        rotate(b)
    run(a, swap)
    rotate(a)
    go_on(sites)
    accept(a, b, swap)
    rotate(b)
    go_on(sites)
    check_published(sites, swap, keys)


def test_who_asks_with_a_new_key_is_followed_though_nobody_asks_them(sites: tuple[Site, Site]) -> None:
    a, b = sites
    swap = begun(sites, "offered and unknown")
    rotate(a)
    run(a, swap)
    assert "not a peer" in state(a, swap)["error"]
    assert b.hub.runner.run_one()
    assert known(b)["fingerprint"] == fingerprint(a).grouped
    run(a, swap)
    assert state(a, swap)["error"] is None
    assert state(b, swap)["state"] == "offered"


def test_strangers_make_the_hub_ask_its_peers_once_in_a_while(sites: tuple[Site, Site]) -> None:
    _, b = sites
    left: list[list[str]] = []
    body = json.dumps({"statements": []}).encode()
    for _ in range(3):
        for _ in range(5):
            with HubClient(b.url, SigningKey.generate(), fingerprint(b), b.clock) as stranger, pytest.raises(Refused):
                stranger.post(f"{SWAPS_PATH}/{'0' * 64}", body)
        while b.hub.runner.run_one():
            pass
        with b.hub.services.database.read() as tx:
            left.append([job.state for job in queue.listing(tx, kinds=[usecase.FOLLOW])])
        b.clock.now += usecase.FOLLOW_EVERY / 2
    assert left == [["done"], ["queued"], ["done"]], "at once, not half a minute later, a minute later"


def test_a_peer_that_talks_nonsense_keeps_no_other_from_being_followed(sites: tuple[Site, Site]) -> None:
    a, b = sites
    nonsense = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{]}"
    with answering(nonsense) as url:
        add_peer(b, url, "aaa", SigningKey.generate())
        rotate(a)
        usecase.wonder(b.hub.services)
        assert b.hub.runner.run_one()
    listed = {peer["name"]: peer["fingerprint"] for peer in b.get("/api/tukar/peers", "admin").json()}
    assert listed["a"] == fingerprint(a).grouped


def add_peer(site: Site, url: str, name: str, key: SigningKey) -> None:
    with site.hub.services.database.write() as tx:
        peers.add(tx, name, url, key.public, now=0.0)


def test_who_was_revoked_stays_so_under_a_new_key(sites: tuple[Site, Site]) -> None:
    a, b = sites
    b.post("/api/tukar/peers/a/revoke", "admin").raise_for_status()
    rotate(a)
    swap = begun(sites, "offered and unknown")
    run(a, swap)
    assert "not a peer" in state(a, swap)["error"]
    go_on(sites)
    assert b.get(f"/api/tukar/swaps/{swap}", "admin").status_code == 404
    assert known(b)["fingerprint"] != fingerprint(a).grouped, "nobody asked the revoked"
    again = b.post("/api/tukar/peers", "admin", json={"url": a.url, "fingerprint": fingerprint(a), "name": "again"})
    assert (again.status_code, "revoked" in again.json()["error"]) == (409, True)
    refreshed = b.post("/api/tukar/peers/a/refresh", "admin").raise_for_status().json()
    assert (refreshed["fingerprint"], refreshed["state"]) == (fingerprint(a).grouped, "revoked")


def test_the_last_words_with_the_revoked_are_heard_under_a_new_key(sites: tuple[Site, Site]) -> None:
    """B is prepared, and only a can end it: b must hear how, or the swap would be one-sided."""
    a, b = sites
    swap = begun(sites, "accepted and prepared")
    rotate(a)
    b.post("/api/tukar/peers/a/revoke", "admin").raise_for_status()
    go_on(sites, times=2)
    a.post(f"/api/tukar/swaps/{swap}/cancel", "admin", json={}).raise_for_status()
    go_on(sites)
    assert [state(site, swap)["state"] for site in sites] == ["cancelled", "cancelled"]


def test_nobody_else_can_answer_for_an_earlier_key(sites: tuple[Site, Site]) -> None:
    """An offer that is signed with an earlier key is taken from the hub that had it, and from nobody else."""
    a, b = sites
    swap = begun(sites, "offered and unknown")
    rotate(a)
    b.post("/api/tukar/peers/a/refresh", "admin").raise_for_status()
    third = SigningKey.generate()
    add_peer(b, "http://third.example", "third", third)
    with a.hub.services.database.read() as tx:
        statement = swaps.get(tx, swap).offer_envelope.value()
    body = json.dumps({"statements": [statement]}).encode()
    with HubClient(b.url, third, fingerprint(b), b.clock) as client, pytest.raises((Refused, NotFound), match="key"):
        client.post(f"{SWAPS_PATH}/{swap}", body)
    assert b.get(f"/api/tukar/swaps/{swap}", "admin").status_code == 404
