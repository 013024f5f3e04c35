"""The hub that has to stand a hostile peer."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httpx
import sqlalchemy as sa

from tukar.catalog import users
from tukar.catalog.values import Identity
from tukar.exchange import swaps
from tukar.exchange.offers import Item, Offer, Reference
from tukar.exchange.swaps import Record
from tukar.objects.tables import held_files, held_objects
from tukar.signing import PublicKey
from tukar.types import RepoId
from tukar.usecases import handing
from tukar.usecases.services import Services
from tukar.usecases.swap_run import drive, meet

from .site import Site


@dataclass
class Victim:
    """A served hub with a public model, a private one, and two peers."""

    site: Site
    key: PublicKey
    secrets: list[bytes]

    @property
    def services(self) -> Services:
        return self.site.hub.services

    def run(self, swap_id: str) -> None:
        """What the job does, once."""
        ignored: Any = lambda *_, **__: None  # noqa: E731
        drive(self.services, meet, SimpleNamespace(payload={"swap": swap_id}, progress=ignored, checkpoint=ignored))  # type: ignore[arg-type]

    def shown(self, swap_id: str) -> dict[str, Any]:
        """The swap as the operator sees it, with a sentence."""
        found: dict[str, Any] = self.site.get(f"/api/tukar/swaps/{swap_id}", "admin").raise_for_status().json()
        assert found["says"].endswith("."), found
        return found

    def state(self, swap_id: str) -> str:
        return str(self.shown(swap_id)["state"])

    def knows(self, swap_id: str) -> bool:
        return self.site.get(f"/api/tukar/swaps/{swap_id}", "admin").status_code == 200

    def accept(self, swap_id: str, **asked: Any) -> httpx.Response:
        return self.site.post(f"/api/tukar/swaps/{swap_id}/accept", "admin", json=asked)

    def cancel(self, swap_id: str) -> httpx.Response:
        return self.site.post(f"/api/tukar/swaps/{swap_id}/cancel", "admin", json={})

    def offer(self, give: str = "base", take: str | None = "loot", **asked: Any) -> str:
        """To the villain; the swap's id."""
        taken = [] if take is None else [{"repository": f"villain/{take}"} | asked.pop("pinned", {})]
        body = {"peer": "villain", "give": [{"repository": f"admin/{give}"}], "take": taken} | asked
        return str(self.site.post("/api/tukar/swaps", "admin", json=body).raise_for_status().json()["id"])

    def repositories(self) -> set[str]:
        return {item["id"] for item in self.site.get("/api/models", "admin").json()}

    def record(self, swap_id: str) -> Record:
        with self.services.database.read() as tx:
            return swaps.get(tx, swap_id)

    def statement(self, swap_id: str) -> Offer:
        return self.record(swap_id).offer

    def is_swept(self, swap_id: str) -> bool:
        owners = [f"swap:{swap_id}", f"give:{swap_id}"]
        with self.services.database.read() as tx:
            for table in (held_objects, held_files):
                if tx.execute(sa.select(table).where(table.c.owner.in_(owners))).first() is not None:
                    return False
        return not (self.services.arrivals / f"swap-{swap_id}").exists()

    def digests(self, name: str) -> list[str]:
        """Of what a repository's weights are made of, where no other repository has it: the first to be asked for."""
        return [str(file.manifest) for file in self.item(name).files if file.lfs]

    def item(self, name: str) -> Item:
        return item_of(self.services, f"admin/{name}")


def item_of(services: Services, name: str) -> Item:
    with services.database.read() as tx:
        who = Identity(users.get(tx, "admin"), "write")
        return handing.item_of(services, tx, who, Reference(RepoId.parse(name), "main"))
