"""The page of the exchange as the answer to its forms, with what was typed into them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from tukar.errors import TukarError
from tukar.gallery import exchanging, pages, visits
from tukar.gallery.exchanging import Filled
from tukar.gallery.replies import hint_of, html
from tukar.gallery.views import Problem

ADDRESS = "/exchange"


def page(request: Request, filled: Filled, status: int = 200) -> Response:
    """The page, with its forms filled in."""
    frame, services = visits.frame(request), visits.hub(request).services
    view = exchanging.exchange(services, visits.identity(request), visits.endpoint(request), filled)
    return html(pages.exchange_page(view, frame), frame, status)


def problem(error: TukarError) -> Problem:
    """What to show of an error."""
    return Problem(error.message, hint_of(error))
