"""Peers that answer drop by drop, to a hub that runs: what they can hold, and what goes on meanwhile."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from tukar.exchange import peers
from tukar.exchange.peers import Peer
from tukar.exchange.tables import peers as rows
from tukar.jobs import queue
from tukar.jobs.values import Job
from tukar.signing import IdentityDocument, SigningKey
from tukar.usecases import background
from tukar.usecases import peer as usecase
from tukar.usecases.background import AT_ONCE, GC
from tukar.usecases.swap_steps import JOB as SWAP

from .fronts import answering
from .site import Site, listen
from .test_streams import until
from .villain import Villain, besieged


@pytest.fixture
def villain(tmp_path: Path) -> Iterator[Villain]:
    with besieged(tmp_path) as made:
        yield made[0]


@contextmanager
def many_drips() -> Iterator[tuple[str, list[socket.socket]]]:
    """A server that drips to everybody at once; whom it has dripped to."""
    over, clients = threading.Event(), []
    listener = listen()

    def drip() -> None:
        listener.settimeout(0.02)
        while not over.is_set():
            try:
                client = listener.accept()[0]
                client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
                clients.append(client)
            except TimeoutError:
                pass
            for client in clients:
                try:
                    client.sendall(b" ")
                except OSError:
                    pass  # it has had enough

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", clients
    finally:
        over.set()
        thread.join()
        for each in (listener, *clients):
            each.close()


def jobs(site: Site, kind: str) -> list[Job]:
    with site.hub.services.database.read() as tx:
        return queue.listing(tx, kinds=[kind])


def move(site: Site, peer: str, url: str) -> None:
    with site.hub.services.database.write() as tx:
        tx.execute(sa.update(rows).where(rows.c.name == peer).values(url=url))


def submit(site: Site, kind: str) -> None:
    with site.hub.services.database.write() as tx:
        queue.submit(tx, kind, now=site.clock())
    site.hub.runner.wake()


def test_a_peer_that_drips_holds_one_thread_and_no_upkeep(villain: Villain) -> None:
    site = villain.victim.site
    with many_drips() as (url, clients):
        for _ in range(AT_ONCE[SWAP] + 1):
            villain.offered(villain.item())
        move(site, "villain", url)
        site.post("/api/tukar/peers/villain/revoke", "admin").raise_for_status()
        site.hub.runner.start()
        try:
            until(lambda: len(clients) == 1)
            submit(site, GC)
            until(lambda: [job.state for job in jobs(site, GC)] == ["done"])
            usecase.wonder(villain.victim.services)
            site.hub.runner.wake()
            until(lambda: [job.state for job in jobs(site, usecase.FOLLOW)] == ["done"], seconds=60)
            assert len([job for job in jobs(site, SWAP) if job.state == "running"]) == 1
            assert len(clients) == 1, "nobody else asked it meanwhile"
        finally:
            assert site.hub.runner.stop(60)
        assert not [job for job in jobs(site, SWAP) if job.state == "running"], "a hub that stops waits for no peer"


def test_every_kind_of_job_has_a_thread(villain: Villain) -> None:
    services, config = villain.victim.services, villain.victim.site.hub.config
    assert AT_ONCE.keys() == background.handlers(services, config).keys()


# Following


def document(*keys: SigningKey) -> bytes:
    """What a hub answers that had these keys, one after another."""
    made = IdentityDocument(keys[0].public)
    for number, (old, new) in enumerate(itertools.pairwise(keys)):
        made = made.succeeded(old, new, number + 1)
    body = made.encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def peer_at(site: Site, url: str, name: str, key: SigningKey) -> None:
    with site.hub.services.database.write() as tx:
        peers.add(tx, name, url, key.public, now=0.0)


def fingerprint(site: Site, name: str) -> str:
    with site.hub.services.database.read() as tx:
        return peers.get(tx, name).fingerprint


def test_a_new_key_that_a_removed_peer_had_is_told_of(villain: Villain) -> None:
    """A hub that went back to an old backup, was added by its old key, and has its newer one again."""
    site, old, new = villain.victim.site, SigningKey.generate(), SigningKey.generate()
    with answering(document(old, new)) as url:
        peer_at(site, url, "lab", new)
        site.call("DELETE", "/api/tukar/peers/lab", "admin").raise_for_status()
        peer_at(site, url, "again", old)
        told = site.post("/api/tukar/peers/again/refresh", "admin")
        assert told.status_code == 409
        assert "tukar peer remove again" in told.json()["error"]
        site.call("DELETE", "/api/tukar/peers/again", "admin").raise_for_status()
        body = {"url": url, "name": "lab", "fingerprint": new.public.fingerprint}
        assert site.post("/api/tukar/peers", "admin", json=body).status_code == 200


def test_whatever_fails_with_one_peer_the_others_are_followed(
    villain: Villain, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site, old, new = villain.victim.site, SigningKey.generate(), SigningKey.generate()
    follow = usecase.follow

    def fail(services: object, peer: Peer, *arguments: object) -> Peer:
        if peer.name != "zzz":
            raise ZeroDivisionError(peer.name)
        return follow(services, peer, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(usecase, "follow", fail)
    with answering(document(old, new)) as url:
        peer_at(site, url, "zzz", old)
        usecase.wonder(villain.victim.services)
        assert site.hub.runner.run_one()
    assert fingerprint(site, "zzz") == new.public.fingerprint
    assert "villain" in caplog.text
    assert [job.state for job in jobs(site, usecase.FOLLOW)] == ["done"]


def test_a_silent_peer_keeps_no_other_from_being_followed(villain: Villain, monkeypatch: pytest.MonkeyPatch) -> None:
    site, old, new = villain.victim.site, SigningKey.generate(), SigningKey.generate()
    monkeypatch.setattr(usecase, "_PATIENCE", 0.5)
    with many_drips() as (silent, _), answering(document(old, new)) as url:
        move(site, "third", silent)
        move(site, "villain", silent)
        peer_at(site, url, "zzz", old)
        usecase.wonder(villain.victim.services)
        assert site.hub.runner.run_one()
    assert fingerprint(site, "zzz") == new.public.fingerprint
