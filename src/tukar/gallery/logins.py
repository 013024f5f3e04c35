"""Log in to the pages with a token, and out again."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tukar.errors import Unauthenticated
from tukar.gallery import pages, visits
from tukar.gallery.forms import Form
from tukar.gallery.replies import html, posted, see, shown
from tukar.gallery.views import NO_FRAME, LoginPage, Problem
from tukar.usecases import sessions


@shown
def login(request: Request) -> Response:
    """The form; whoever is logged in goes on to where they wanted to be."""
    after = visits.local(request.query_params.get("next", "/"))
    if visits.identity(request).user is not None:
        return see(after)
    return _page(LoginPage(after))


def log_in(request: Request, form: Form) -> Response:
    """Begin a session, in the place of any that the browser has."""
    after, services = visits.local(form.text("next")), visits.hub(request).services
    try:
        secret = sessions.log_in(services, form.text("token"))
    except Unauthenticated:
        return _page(LoginPage(after, Problem("this hub knows no such token", "look whether all of it was copied")))
    sessions.log_out(services, visits.secret(request))
    response = see(after)
    visits.hand_out(request, response, secret)
    return response


def log_out(request: Request, form: Form) -> Response:
    """End the session."""
    sessions.log_out(visits.hub(request).services, visits.secret(request))
    response = see("/")
    visits.take_back(request, response)
    return response


def _page(view: LoginPage) -> Response:
    return html(pages.login_page(view), NO_FRAME, 200 if view.problem is None else 401)


routes = [
    Route("/login", login),
    Route("/login", posted(log_in), methods=["POST"]),
    Route("/logout", posted(log_out), methods=["POST"]),
]
