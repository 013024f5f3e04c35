"""People who log in to the pages with a token."""

from __future__ import annotations

from tukar.catalog import sessions, tokens
from tukar.catalog.values import ANONYMOUS, Identity
from tukar.usecases.services import Services


def log_in(services: Services, token: str) -> str:
    """Begin a session; its secret, for the browser to keep. Unauthenticated if the token is nobody's."""
    with services.database.read() as tx:
        tokens.describe(tx, token)  # whoever guesses is answered without keeping others from writing
    with services.database.write() as tx:
        return sessions.begin(tx, tokens.describe(tx, token).id, services.clock())


def whose(services: Services, secret: str | None) -> Identity:
    """Who is logged in; anonymous without a session, or with one that has ended."""
    if secret is None:
        return ANONYMOUS
    now = services.clock()
    with services.database.read() as tx:
        found = sessions.find(tx, secret, now)
    if found is None:
        return ANONYMOUS
    if found.seen_at <= now - sessions.NOTED_EVERY:
        with services.database.write() as tx:
            sessions.touch(tx, secret, now)
    return found.identity


def log_out(services: Services, secret: str | None) -> None:
    """End a session; nothing if there is none."""
    if secret is None:
        return
    with services.database.write() as tx:
        sessions.end(tx, secret)
