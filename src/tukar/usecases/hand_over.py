"""The store of this hub as one end of a transfer."""

from __future__ import annotations

from tukar.exchange import local
from tukar.exchange.local import LocalDestination, LocalSource, LocalStore
from tukar.objects.scopes import Scope
from tukar.usecases.services import Services


def store(services: Services) -> LocalStore:
    """What a transfer works with."""
    return LocalStore(services.database, services.objects.storage, services.arrivals, services.clock)


def source(services: Services, scope: Scope, known: Scope | None = None) -> LocalSource:
    """What somebody may have: the objects of the files within a scope; and which files they may know to be here."""
    return LocalSource(store(services), scope, known)


def destination(services: Services, owner: str, scope: Scope) -> LocalDestination:
    """What comes for an owner, who may know of the files within a scope that they are here."""
    return LocalDestination(store(services), owner, scope)


def drop(services: Services, owner: str) -> None:
    """Hold nothing for an owner any more, and forget what arrived."""
    local.drop(store(services), owner)
