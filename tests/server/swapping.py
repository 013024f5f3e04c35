"""Two served hubs that are peers, called a and b, and what their operators do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx

from tukar.exchange import identity as identities
from tukar.exchange import peers
from tukar.testing.models import tiny_safetensors
from tukar.usecases.swap_run import drive, meet

from .site import Site, regular_file
from .site import site as new_site

BASE, CHILD = tiny_safetensors(0), tiny_safetensors(0, metadata={"format": "pt"})
CARD = b"---\nlicense: apache-2.0\n---\n# A model\n"


@contextmanager
def two_sites(folder: Path) -> Iterator[tuple[Site, Site]]:
    settings = {"gc_every": 0.0, "check_every": 0.0}
    with new_site(folder / "a", **settings) as a, new_site(folder / "b", **settings) as b:
        for near, far, name in ((a, b, "b"), (b, a, "a")):
            with far.hub.services.database.read() as tx:
                key = identities.current(tx).public
            with near.hub.services.database.write() as tx:
                peers.add(tx, name, far.url, key, now=0.0)
        yield a, b


def publish(site: Site, name: str, weights: bytes) -> None:
    repository = site.repository("admin", name=name)
    site.push_lfs(repository, "weights.bin", weights)
    site.commit(repository, [regular_file("README.md", CARD)]).raise_for_status()


def run(site: Site, swap_id: str) -> None:
    context: Any = SimpleNamespace(payload={"swap": swap_id}, progress=lambda *_, **__: None, checkpoint=lambda: None)
    drive(site.hub.services, meet, context)


def offer(site: Site, **changes: Any) -> httpx.Response:
    asked = {"peer": "b", "give": [{"repository": "admin/base"}], "take": [{"repository": "admin/child"}]} | changes
    return site.post("/api/tukar/swaps", "admin", json=asked)


def state(site: Site, swap_id: str) -> dict[str, Any]:
    found: dict[str, Any] = site.get(f"/api/tukar/swaps/{swap_id}", "admin").raise_for_status().json()
    return found
