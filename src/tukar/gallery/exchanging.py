"""What this hub has to do with others, as far as everybody may know."""

from __future__ import annotations

from tukar.catalog.values import ANONYMOUS
from tukar.exchange.requests import Request
from tukar.gallery.views import ExchangePage, RequestLine
from tukar.usecases import keys
from tukar.usecases import request as requests
from tukar.usecases.services import Services


def exchange(services: Services, endpoint: str) -> ExchangePage:
    """Who this hub is, and what it asks for."""
    document = keys.document(services)
    *earlier, current = (key.fingerprint.grouped for key in document.keys)
    found = requests.listing(services, ANONYMOUS)
    return ExchangePage(endpoint, current, tuple(earlier), tuple(_line(entry.request) for entry in found))


def _line(request: Request) -> RequestLine:
    wish, told = request.wish, request.wish.evaluation
    return RequestLine(
        request.id,
        " ".join(wish.text.split()),
        wish.task,
        wish.licence,
        wish.base_model,
        told.at_least if told else None,
        told.metric if told else "",
        told.sha256 if told else "",
        request.made_at,
        request.expires_at,
    )
