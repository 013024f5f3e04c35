"""The other hub of a swap, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final

from tukar.errors import NotFound
from tukar.exchange.hubs import HubClient
from tukar.exchange.remote import Bases
from tukar.exchange.replies import Fields
from tukar.exchange.repository import asked_value, bases_of
from tukar.objects.stream import Start
from tukar.signing import Envelope
from tukar.types import Digest

SWAPS_PATH: Final = "/api/tukar/exchange/swaps"
_ANSWERS_LIMIT: Final = 8


@dataclass(frozen=True, slots=True)
class SwapClient:
    """Speaks with one hub about swaps. Errors as ``HubClient``."""

    client: HubClient

    def post(self, swap_id: str, statements: Sequence[Envelope]) -> list[Envelope]:
        """Say something of a swap; what the other hub says. NotFound if it knows no such swap."""
        body = json.dumps({"statements": [envelope.value() for envelope in statements]}).encode()
        told = Fields.of(self.client.post(f"{SWAPS_PATH}/{swap_id}", body).json())
        return [Envelope.read(item.value) for item in told.items("statements")[:_ANSWERS_LIMIT]]

    def objects(self, swap_id: str) -> SwapSource:
        """What it hands over."""
        return SwapSource(self.client, swap_id)


@dataclass(frozen=True, slots=True)
class SwapSource:
    """The objects that another hub hands over in a swap, as the source of a transfer."""

    client: HubClient
    swap_id: str

    def bases(self, wanted: Sequence[Digest]) -> Bases:
        """As ``remote.Source``."""
        body = json.dumps({"objects": [str(digest) for digest in wanted]}).encode()
        try:
            told = self.client.post(f"{SWAPS_PATH}/{self.swap_id}/bases", body).fields()
        except NotFound:  # an earlier version knows of no differences
            return {}
        return bases_of(told)

    def read(
        self, wanted: Sequence[Digest], start: Start | None = None, differences: Collection[Digest] = ()
    ) -> AbstractContextManager[Iterator[bytes]]:
        """As ``remote.Source``."""
        return self._read(json.dumps(asked_value(wanted, start, differences)).encode())

    @contextmanager
    def _read(self, body: bytes) -> Iterator[Iterator[bytes]]:
        with self.client.stream(f"{SWAPS_PATH}/{self.swap_id}/objects", body) as pieces:
            yield pieces
