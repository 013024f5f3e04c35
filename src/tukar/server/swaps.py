"""Swaps, for operators: offer, accept, refuse, cancel, and look; and receipts, for whoever may read the repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tukar.errors import Invalid
from tukar.exchange.offers import Item, Reference
from tukar.exchange.sentences import explain
from tukar.exchange.states import Role, Swap
from tukar.exchange.terms import Side
from tukar.server.checks import administrator
from tukar.server.info import date, next_page, page_limit
from tukar.server.requests import (
    boolean,
    fields,
    hub,
    identity,
    items,
    param,
    repo_id,
    repo_type,
    text,
    whole_number,
    with_json,
)
from tukar.types import RepoId
from tukar.usecases import swap
from tukar.usecases.swap import Line, Proposal, Shown


def reference(value: object) -> Reference:
    """A revision that is given or asked for, from JSON."""
    asked = fields(value, "a revision")
    id_ = RepoId.parse(text(asked.get("repository"), "repository"), repo_type(asked.get("type")))
    return Reference(id_, text(asked.get("revision") or "main", "revision"))


def proposal(value: object) -> Proposal:
    """An offer as its operator words it, from JSON."""
    asked = fields(value)
    return Proposal(
        text(asked.get("peer"), "peer"),
        tuple(reference(item) for item in items(asked.get("give"), "give")),
        tuple(reference(item) for item in items(asked.get("take"), "take")),
        places(asked.get("into")),
        boolean(asked.get("private"), "private"),
        text(asked.get("note") or "", "note"),
        whole_number(asked.get("seconds", 7 * swap.DAY), "seconds"),
        text(asked.get("request") or "", "request"),
        give_private=boolean(asked.get("give_private"), "give_private"),
    )


def places(value: object) -> Mapping[RepoId, RepoId]:
    """Where to publish what comes, from a JSON list of ``{"type", "from", "to"}``."""
    found: dict[RepoId, RepoId] = {}
    for item in items(value, "into"):
        asked = fields(item, "a place")
        kind = repo_type(asked.get("type"))
        theirs = RepoId.parse(text(asked.get("from"), "from"), kind)
        if theirs in found:
            raise Invalid(f"{theirs} is to be published in two places")
        found[theirs] = RepoId.parse(text(asked.get("to"), "to"), kind)
    return found


def line_value(line: Line) -> dict[str, Any]:
    """A swap in a list as JSON: in short, with the first repositories of each side."""
    summary, terms = line.summary, line.summary.terms
    return {
        "id": summary.id,
        "peer": line.peer.name,
        **side_value(summary.swap, expired=summary.has_expired),
        "open": summary.is_open,
        "give": names_value(terms.give),
        "give_count": terms.give.count,
        "take": names_value(terms.take),
        "take_count": terms.take.count,
        "note": terms.note,
        "created": date(summary.created_at),
        "expires": date(terms.expires_at),
        "changed": date(summary.changed_at),
        "reason": summary.reason or None,
        "error": summary.error,
    }


def swap_value(shown: Shown) -> dict[str, Any]:
    """A swap as JSON."""
    record = shown.record
    return {
        "id": record.id,
        "peer": shown.peer.name,
        **side_value(record.swap, expired=record.has_expired),
        "open": record.is_open,
        **_offer_value(shown),
        "into": [
            {
                "type": theirs.type,
                "from": str(theirs),
                "to": str(place.name),
                "private": place.private,
                "commit": place.commit or None,
            }
            for theirs, place in record.targets.items()
        ],
        "created": date(record.created_at),
        "expires": date(record.terms.expires_at),
        "changed": date(record.changed_at),
        "reached": None if record.reached_at is None else date(record.reached_at),
        "reason": record.reason or None,
        "error": record.error,
        "fetched_bytes": record.moved.fetched,
        "avoided_bytes": record.moved.avoided,
        "receipt": record.receipt is not None,
    }


def side_value(swap: Swap, *, expired: bool) -> dict[str, Any]:
    """Where this hub is in a swap."""
    says = explain(swap, expired=expired)
    return {"role": swap.role.value, "state": swap.state.value, "expired": expired, "says": says}


def _offer_value(shown: Shown) -> dict[str, Any]:
    """What is handed over; in short where that alone is kept."""
    record = shown.record
    if record.offer_envelope is None:
        give, take = names_value(record.terms.give), names_value(record.terms.take)
        return {"give": give, "take": take, "note": record.terms.note, "request": None, "total_bytes": 0}
    offer, nothing = record.offer, frozenset[RepoId]()
    taken: Sequence[Item | Reference] = record.acceptance.take if record.acceptance else offer.take
    private = (shown.private, nothing) if record.swap.role is Role.OFFERER else (nothing, shown.private)
    return {
        "give": [handed_value(item, private[0]) for item in offer.give],
        "take": [handed_value(item, private[1]) for item in taken],
        "note": offer.note,
        "request": offer.request or None,
        "total_bytes": record.moved.total or sum(item.size for item in record.coming),
    }


def names_value(side: Side) -> list[dict[str, str]]:
    """The first repositories of a side, by name alone."""
    return [{"repository": str(each), "type": each.type} for each in side.names]


def handed_value(handed: Item | Reference, private: frozenset[RepoId]) -> dict[str, Any]:
    """What is handed over, as far as it is known, and whether it is private here."""
    value = item_value(handed) if isinstance(handed, Item) else reference_value(handed)
    return value | {"private": handed.repository in private}


def item_value(item: Item) -> dict[str, Any]:
    """What is handed over, in short."""
    return {
        "repository": str(item.repository),
        "type": item.repository.type,
        "commit": item.commit,
        "files": len(item.files),
        "size": item.size,
        "licence": item.licence or None,
        "tags": list(item.tags),
    }


def reference_value(asked: Reference) -> dict[str, Any]:
    """What is asked for, before it is known what it is."""
    return {"repository": str(asked.repository), "type": asked.repository.type, "revision": asked.revision}


def offer(request: Request, value: Any) -> Response:
    """Make an offer."""
    return JSONResponse(swap_value(swap.offer(hub(request).services, identity(request), proposal(value))))


def listing(request: Request) -> Response:
    """The swaps in short, the newest first, page by page."""
    query = request.query_params
    limit = page_limit(query.get("limit"), _PAGE)
    found = swap.listing(hub(request).services, identity(request), limit=limit + 1, before=query.get("before"))
    more = {"before": found[limit - 1].summary.id} if len(found) > limit else None
    return JSONResponse([line_value(line) for line in found[:limit]], headers=next_page(request, more))


def get(request: Request) -> Response:
    """One swap."""
    return JSONResponse(swap_value(swap.get(hub(request).services, identity(request), param(request, "swap"))))


def accept(request: Request, value: Any) -> Response:
    """Accept an offer."""
    asked = fields(value)
    shown = swap.accept(
        hub(request).services,
        identity(request),
        param(request, "swap"),
        places(asked.get("into")),
        private=boolean(asked.get("private"), "private"),
        give_private=boolean(asked.get("give_private"), "give_private"),
    )
    return JSONResponse(swap_value(shown))


def refuse(request: Request, value: Any) -> Response:
    """Refuse an offer."""
    reason = text(fields(value).get("reason") or "", "reason")
    return JSONResponse(
        swap_value(swap.refuse(hub(request).services, identity(request), param(request, "swap"), reason))
    )


def cancel(request: Request, value: Any) -> Response:
    """Cancel a swap."""
    reason = text(fields(value).get("reason") or "", "reason")
    return JSONResponse(
        swap_value(swap.cancel(hub(request).services, identity(request), param(request, "swap"), reason))
    )


def receipts(request: Request) -> Response:
    """The receipts of a repository: signed envelopes, the newest first."""
    found = swap.receipts(hub(request).services, identity(request), repo_id(request))
    return JSONResponse([swap.receipt(hub(request).services, each.id).value() for each in found])


_API: Final = "/api/tukar"
_PAGE: Final = 1000  # swaps, at most

routes = [
    Route(f"{_API}/swaps", listing),
    Route(f"{_API}/swaps", with_json(offer, check=administrator), methods=["POST"]),
    Route(f"{_API}/swaps/{{swap}}", get),
    Route(f"{_API}/swaps/{{swap}}/accept", with_json(accept, check=administrator), methods=["POST"]),
    Route(f"{_API}/swaps/{{swap}}/refuse", with_json(refuse, check=administrator), methods=["POST"]),
    Route(f"{_API}/swaps/{{swap}}/cancel", with_json(cancel, check=administrator), methods=["POST"]),
    Route(f"{_API}/{{type:kind}}/{{namespace}}/{{name}}/receipts", receipts),
]
