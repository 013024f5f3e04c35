"""The exchange of a data folder while no hub runs on it: what is to be said to other hubs is said once one does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tukar.cli.administration import Administration, Value
from tukar.cli.exchanging import Place
from tukar.cli.on_folder import OnFolder
from tukar.exchange.requests import Entry
from tukar.server.swaps import line_value, swap_value
from tukar.server.swaps import proposal as read_proposal
from tukar.server.wishes import request_value
from tukar.server.wishes import wish as read_wish
from tukar.usecases import request, swap
from tukar.usecases.services import Services


@dataclass(frozen=True, slots=True)
class ExchangeOnFolder:
    """A hub that is open here, and speaks to nobody."""

    hub: OnFolder

    @classmethod
    def of(cls, hub: Administration) -> ExchangeOnFolder:
        """For a hub that `administration` opened."""
        if not isinstance(hub, OnFolder):
            raise TypeError("not a data folder")
        return cls(hub)

    @property
    def _services(self) -> Services:
        return self.hub.hub.services

    def swaps(self) -> list[Value]:
        """As Exchange."""
        return [line_value(line) for line in swap.listing(self._services, self.hub.identity)]

    def swap(self, id_: str) -> Value:
        """As Exchange."""
        return swap_value(swap.get(self._services, self.hub.identity, id_))

    def offer(self, proposal: dict[str, Any]) -> Value:
        """As Exchange."""
        return swap_value(swap.offer(self._services, self.hub.identity, read_proposal(proposal)))

    def accept(self, id_: str, into: Sequence[Place], *, private: bool, give_private: bool) -> Value:
        """As Exchange."""
        places = {place.theirs: place.ours for place in into}
        wishes = {"private": private, "give_private": give_private}
        return swap_value(swap.accept(self._services, self.hub.identity, id_, places, **wishes))

    def refuse(self, id_: str, reason: str) -> Value:
        """As Exchange."""
        return swap_value(swap.refuse(self._services, self.hub.identity, id_, reason))

    def cancel(self, id_: str, reason: str) -> Value:
        """As Exchange."""
        return swap_value(swap.cancel(self._services, self.hub.identity, id_, reason))

    def requests(self, *, everything: bool) -> list[Value]:
        """As Exchange."""
        found = request.listing(self._services, self.hub.identity, everything=everything)
        return [self._request(entry) for entry in found]

    def request(self, id_: str) -> Value:
        """As Exchange."""
        return self._request(request.get(self._services, self.hub.identity, id_))

    def make_request(self, wish: dict[str, Any]) -> Value:
        """As Exchange."""
        return self._request(request.make(self._services, self.hub.identity, *read_wish(wish)))

    def withdraw_request(self, id_: str) -> Value:
        """As Exchange."""
        return self._request(request.withdraw(self._services, self.hub.identity, id_))

    def _request(self, entry: Entry) -> Value:
        return request_value(entry, self._services.clock())
