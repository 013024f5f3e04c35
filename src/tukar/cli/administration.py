"""What commands ask of a hub besides files: of the one at HF_ENDPOINT, or of a data folder while no hub runs on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

from tukar.cli.output import Meter
from tukar.errors import NotFound
from tukar.exchange.endpoint import Endpoint
from tukar.exchange.http import Remote
from tukar.types import RepoId, RepoType

Role = Literal["read", "write"]

Value = Mapping[str, Any]
"""A JSON object; docs/reference/command-line.md has the fields of each."""


class Administration(Protocol):
    """A hub, seen by who looks after it. Both implementations answer the same values."""

    def repositories(self, kind: RepoType, search: str | None) -> list[Value]:
        """Those with this text in their names, the last changed first."""

    def repository(self, repo: RepoId, revision: str, commits: int) -> Value:
        """One at a revision: its files, what they cost, its last ``commits`` commits."""

    def users(self) -> list[Value]:
        """Everyone."""

    def add_user(self, name: str, *, is_admin: bool) -> Value:
        """Add a user."""

    def remove_user(self, name: str) -> None:
        """Forget a user who owns nothing."""

    def tokens(self, user: str) -> list[Value]:
        """A user's tokens, without their secrets."""

    def add_token(self, user: str, name: str, role: Role) -> Value:
        """Make a token; it is in the answer, and never told again."""

    def revoke_token(self, user: str, name: str) -> None:
        """Make a token worthless."""

    def show_identity(self) -> Value:
        """The hub's key, and those before it."""

    def rotate_identity(self) -> Value:
        """Go on with a new key; the same of it."""

    def look_at_peer(self, url: str) -> Value:
        """Who the hub at an address says it is."""

    def add_peer(self, url: str, fingerprint: str, name: str | None) -> Value:
        """Trust the hub at an address, if it has that key."""

    def peers(self) -> list[Value]:
        """Every peer."""

    def refresh_peer(self, name: str) -> Value:
        """Follow a peer to its newest key."""

    def revoke_peer(self, name: str) -> Value:
        """Give a peer nothing more."""

    def remove_peer(self, name: str) -> None:
        """Forget a peer."""

    def stats(self) -> Value:
        """What the whole hub holds."""

    def encodings(self, repo: RepoId, revision: str) -> Value:
        """How a revision of a repository is stored: its files, and their tensors."""

    def check(self, meter: Meter) -> Value:
        """Read and compare everything that is stored."""

    def collect(self, grace: float | None, uploads: float | None, meter: Meter) -> Value:
        """Collect garbage; in seconds, or None for what the hub is set to."""

    def repack_standing(self) -> Value:
        """How far repacking is."""

    def pause_repack(self, *, paused: bool) -> Value:
        """Pause it, or let it go on; the same."""

    def repack(self, meter: Meter) -> Value:
        """Repack what is pending, and wait until nothing is, or it is paused."""


@contextmanager
def administration(data: Path | None) -> Iterator[Administration]:
    """The hub at HF_ENDPOINT, or the one whose data folder is ``data``.

    NotFound if that is not a hub's data folder; Unavailable if a hub runs on it.
    """
    if data is None:
        from tukar.cli.over_http import OverHttp

        with Remote(Endpoint.from_environment()) as remote:
            yield OverHttp(remote)
    else:
        if not (data / "lock").exists():
            raise NotFound(f"{data} is not the data folder of a hub", hint="`tukar serve --data` makes one")
        # Loaded only here: the other commands need not wait for the database.
        from tukar.cli.on_folder import opened

        with opened(data) as folder:
            yield folder
