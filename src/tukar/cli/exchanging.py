"""What commands ask of a hub about others: of the one at HF_ENDPOINT, or of a data folder while no hub runs on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tukar.cli.administration import Administration, Value, administration
from tukar.exchange.endpoint import Endpoint
from tukar.exchange.http import Remote
from tukar.types import RepoId


@dataclass(frozen=True, slots=True)
class Place:
    """Where something that comes is published.

    Attributes:
        theirs: its name on the other hub.
        ours: its name here.
    """

    theirs: RepoId
    ours: RepoId

    def value(self) -> dict[str, str]:
        """As the hub reads it."""
        return {"type": self.theirs.type, "from": str(self.theirs), "to": str(self.ours)}


class Exchange(Protocol):
    """A hub's dealings with others, seen by who runs it. Both implementations answer the same values.

    The fields of a swap and of a request are in docs/reference/command-line.md.
    """

    @property
    def hub(self) -> Administration:
        """The same hub, for everything else."""

    def swaps(self) -> list[Value]:
        """All swaps in short, the newest first."""

    def swap(self, id_: str) -> Value:
        """One, by its id or 6 digits and more of its beginning."""

    def offer(self, proposal: dict[str, Any]) -> Value:
        """Offer a swap; the fields are those of the HTTP API."""

    def accept(self, id_: str, into: Sequence[Place], *, private: bool, give_private: bool) -> Value:
        """Accept an offer."""

    def refuse(self, id_: str, reason: str) -> Value:
        """Refuse one."""

    def cancel(self, id_: str, reason: str) -> Value:
        """Cancel a swap."""

    def requests(self, *, everything: bool) -> list[Value]:
        """This hub's open requests, or all of them, the newest first."""

    def request(self, id_: str) -> Value:
        """One, by its id or 6 digits and more of its beginning."""

    def make_request(self, wish: dict[str, Any]) -> Value:
        """Ask for a model; the fields are those of the HTTP API."""

    def withdraw_request(self, id_: str) -> Value:
        """Ask for it no more."""


@contextmanager
def exchange(data: Path | None = None) -> Iterator[Exchange]:
    """The hub at HF_ENDPOINT, or the one whose data folder is ``data``; errors as for `administration`."""
    if data is None:
        from tukar.cli.exchange_over_http import ExchangeOverHttp

        with Remote(Endpoint.from_environment()) as remote:
            yield ExchangeOverHttp(remote)
    else:
        with administration(data) as hub:
            # Loaded only here: the other commands need not wait for the database.
            from tukar.cli.exchange_on_folder import ExchangeOnFolder

            yield ExchangeOnFolder.of(hub)
