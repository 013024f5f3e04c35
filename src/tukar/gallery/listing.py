"""The list of models, read from a hub."""

from __future__ import annotations

import math
from typing import Final

from tukar.catalog import cards, repositories
from tukar.catalog.repositories import Cursor
from tukar.catalog.values import Identity
from tukar.errors import Invalid
from tukar.gallery.views import ModelLine, ModelsPage
from tukar.usecases.services import Services

PAGE: Final = 30
_ORDER: Final = "updated_at"


def models(services: Services, identity: Identity, endpoint: str, *, search: str = "", cursor: str = "") -> ModelsPage:
    """A page of the models that the asker may read, those that changed last first.

    Args:
        search: only those with this text in their name.
        cursor: where the page begins: ``next_cursor`` of the one before. Invalid if it is not one.
    """
    after = _parse(cursor) if cursor else None
    with services.database.read() as tx:
        found = repositories.listing(tx, identity, "model", search=search, order=_ORDER, after=after, limit=PAGE + 1)
        shown = found[:PAGE]
        used = repositories.used_storage(tx, shown)
    lines = tuple(
        ModelLine(str(each), each.updated_at, used[each.id], cards.from_json(each.card), each.private) for each in shown
    )
    more = _write(repositories.cursor(shown[-1], _ORDER)) if len(found) > PAGE else None
    return ModelsPage(endpoint, lines, search, after is None, more)


def _write(cursor: Cursor) -> str:
    return f"{cursor.time!r}:{cursor.id}"


def _parse(text: str) -> Cursor:
    time, _, row = text[:100].partition(":")
    try:
        cursor = Cursor(float(time), int(row))
    except ValueError:
        raise Invalid(f"not a cursor: {text[:100]!r}") from None
    if not math.isfinite(cursor.time) or not 0 <= cursor.id < 1 << 63:
        raise Invalid(f"not a cursor: {text[:100]!r}")
    return cursor
