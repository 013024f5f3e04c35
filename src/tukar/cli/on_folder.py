"""Administration of a data folder while no hub runs on it: the use cases themselves, as the administrator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from tukar import config
from tukar.catalog import cards, repositories, revisions, users
from tukar.catalog.values import Commit, Identity, Repository, Role
from tukar.cli.administration import Value
from tukar.cli.output import Meter
from tukar.hub import Hub, open_hub
from tukar.server.admin import encodings_value, size_value, token_value, totals_value, user_value
from tukar.server.info import date
from tukar.server.peers import keys_value, look_value, peer_value, peers_value
from tukar.signing import Fingerprint
from tukar.types import RepoId, RepoType
from tukar.usecases import accounts, describe, keys, peer, repacking, stats
from tukar.usecases.check import check, stored_bytes
from tukar.usecases.collect import collect

_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class OnFolder:
    """A hub that is open here, and serves nobody."""

    hub: Hub
    identity: Identity

    def repositories(self, kind: RepoType, search: str | None) -> list[Value]:
        """As Administration."""
        found: list[Repository] = []
        after = None
        with self.hub.services.database.read() as tx:
            while page := repositories.listing(
                tx, self.identity, kind, search=search, order="updated_at", after=after, limit=_PAGE
            ):
                found += page
                after = repositories.cursor(page[-1], "updated_at")
        return [_summary(repository, repository.updated_at) for repository in found]

    def repository(self, repo: RepoId, revision: str, commits: int) -> Value:
        """As Administration."""
        services = self.hub.services
        found = stats.repository_sizes(services, self.identity, repo, revision)
        weights = describe.weights(services, [entry for entry, _ in found.files])
        with services.database.read() as tx:
            history = revisions.history(tx, found.repository, found.commit, limit=commits)
        sizes = [size_value(entry, size) for entry, size in found.files]
        return {
            **_summary(found.repository, found.commit.created_at),
            "commit": found.commit.oid,
            "tags": _tags(found.repository),
            "parameters": weights.get("safetensors", {}).get("parameters", {}),
            "files": [_file(item) for item in sizes],
            "commits": [_commit(item) for item in history],
        }

    def users(self) -> list[Value]:
        """As Administration."""
        return [user_value(user) for user in accounts.list_users(self.hub.services, self.identity)]

    def add_user(self, name: str, *, is_admin: bool) -> Value:
        """As Administration."""
        return user_value(accounts.add_user(self.hub.services, self.identity, name, is_admin=is_admin))

    def remove_user(self, name: str) -> None:
        """As Administration."""
        accounts.remove_user(self.hub.services, self.identity, name)

    def tokens(self, user: str) -> list[Value]:
        """As Administration."""
        return [token_value(token) for token in accounts.list_tokens(self.hub.services, self.identity, user)]

    def add_token(self, user: str, name: str, role: Role) -> Value:
        """As Administration."""
        token = accounts.add_token(self.hub.services, self.identity, user, name, role)
        return {"user": user, "name": name, "role": role, "token": token}

    def revoke_token(self, user: str, name: str) -> None:
        """As Administration."""
        accounts.revoke_token(self.hub.services, self.identity, user, name)

    def show_identity(self) -> Value:
        """As Administration."""
        return keys_value(keys.history(self.hub.services, self.identity))

    def rotate_identity(self) -> Value:
        """As Administration."""
        return keys_value(keys.rotate(self.hub.services, self.identity))

    def look_at_peer(self, url: str) -> Value:
        """As Administration."""
        return look_value(url, peer.look(self.hub.services, self.identity, url))

    def add_peer(self, url: str, fingerprint: str, name: str | None) -> Value:
        """As Administration."""
        return peer_value(peer.add(self.hub.services, self.identity, url, Fingerprint.parse(fingerprint), name))

    def peers(self) -> list[Value]:
        """As Administration."""
        return [*peers_value(self.hub.services, self.identity)]

    def refresh_peer(self, name: str) -> Value:
        """As Administration."""
        return peer_value(peer.refresh(self.hub.services, self.identity, name))

    def revoke_peer(self, name: str) -> Value:
        """As Administration."""
        return peer_value(peer.revoke(self.hub.services, self.identity, name))

    def remove_peer(self, name: str) -> None:
        """As Administration."""
        peer.remove(self.hub.services, self.identity, name)

    def stats(self) -> Value:
        """As Administration."""
        return totals_value(stats.totals(self.hub.services))

    def encodings(self, repo: RepoId, revision: str) -> Value:
        """As Administration."""
        services = self.hub.services
        return encodings_value(services, self.identity, stats.repository_sizes(services, self.identity, repo, revision))

    def check(self, meter: Meter) -> Value:
        """As Administration."""
        total = stored_bytes(self.hub.services)
        meter.total(total)
        done = 0

        def advance(size: int) -> None:
            nonlocal done
            done += size
            meter.advance(size)

        faults = [asdict(fault) for fault in check(self.hub.services, advance)]
        return {"faults": faults, "fault_count": len(faults), "bytes": done}

    def collect(self, grace: float | None, uploads: float | None, meter: Meter) -> Value:
        """As Administration."""
        settings = self.hub.config
        waited = settings.gc_grace if grace is None else grace
        window = settings.upload_window if uploads is None else uploads
        return asdict(collect(self.hub.services, waited, window))

    def repack_standing(self) -> Value:
        """As Administration."""
        return asdict(repacking.standing(self.hub.services, self.identity))

    def pause_repack(self, *, paused: bool) -> Value:
        """As Administration."""
        return asdict(repacking.pause(self.hub.services, self.identity, paused=paused))

    def repack(self, meter: Meter) -> Value:
        """As Administration."""
        saved = repacking.Saved()
        meter.total(self.repack_standing()["pending_bytes"])

        def advance(size: int) -> None:
            meter.advance(size)
            meter.label(" · ".join(filter(None, ("Repack", saved.told()))))

        return {**asdict(repacking.run(self.hub.services, advance, saved.add)), **self.repack_standing()}


@contextmanager
def opened(data: Path) -> Iterator[OnFolder]:
    """Hold a data folder; Unavailable if a hub runs on it."""
    with open_hub(config.load({"data": data})) as hub:
        with hub.services.database.read() as tx:
            admin = users.get(tx, accounts.ADMIN)
        yield OnFolder(hub, Identity(admin, "write"))


def _summary(repository: Repository, updated: float) -> Value:
    card = cards.from_json(repository.card)
    return {
        "id": str(repository),
        "type": repository.type,
        "private": repository.private,
        "updated": date(updated),
        "license": card.license,
        "task": card.pipeline_tag,
    }


def _tags(repository: Repository) -> list[str]:
    card = cards.from_json(repository.card)
    named = (("license", [card.license] if card.license else []), ("base_model", card.base_model))
    told = [f"{kind}:{name}" for kind, names in (*named, ("dataset", card.datasets)) for name in names]
    return [*card.tags, *told]


def _file(sizes: Value) -> Value:
    return {
        "path": sizes["path"],
        "size": sizes["raw_bytes"],
        "stored_bytes": sizes["stored_bytes"],
        "shared_bytes": sizes["shared_bytes"],
    }


def _commit(commit: Commit) -> Value:
    return {"id": commit.oid, "title": commit.title, "date": date(commit.created_at), "author": commit.author}
