"""What is done with peers and with requests on the page of the exchange. For operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tukar.catalog.values import Identity
from tukar.errors import Invalid, NotFound, TukarError
from tukar.gallery import desk, exchanging, pages, proposals, visits
from tukar.gallery.exchange_views import Outcome
from tukar.gallery.exchanging import Filled
from tukar.gallery.forms import Form
from tukar.gallery.replies import html, posted, see, shown, status_of
from tukar.usecases import peer
from tukar.usecases import request as requests
from tukar.usecases.services import Services

# Peers


@shown
def wanted(request: Request) -> Response:
    """What a peer asks for, fetched from it now."""
    view = exchanging.wanted(_services(request), visits.operator(request), request.path_params["peer"])
    frame = visits.frame(request)
    return html(pages.peer_page(view, frame), frame)


def refresh(request: Request, form: Form) -> Response:
    """Follow a peer to its newest key."""
    who, name = visits.operator(request), request.path_params["peer"]
    try:
        before = next((each for each in peer.listing(_services(request), who) if each.name == name), None)
        after = peer.refresh(_services(request), who, name)
    except TukarError as error:
        return _managed(request, name, error)
    is_same = before is not None and before.fingerprint == after.fingerprint
    said = "It still has the key that is known here." if is_same else "It has a new key, and was followed to it."
    return desk.page(request, Filled(managed=Outcome(after.name, said)))


def revoke(request: Request, form: Form) -> Response:
    """Give a peer nothing more, if whoever asks is sure."""
    return _manage(request, form, peer.revoke)


def remove(request: Request, form: Form) -> Response:
    """Forget a peer, if whoever asks is sure."""
    return _manage(request, form, peer.remove)


def _manage(request: Request, form: Form, act: Callable[[Services, Identity, str], object]) -> Response:
    who, name = visits.operator(request), request.path_params["peer"]
    try:
        _check_sure(form)
        act(_services(request), who, name)
    except TukarError as error:
        return _managed(request, name, error)
    return see(f"{desk.ADDRESS}#peers")


def _managed(request: Request, name: str, error: TukarError) -> Response:
    if isinstance(error, NotFound):  # the page has no line for it
        raise error
    return desk.page(request, Filled(managed=Outcome(name, problem=desk.problem(error))), status_of(error))


# Requests


def ask(request: Request, form: Form) -> Response:
    """Ask everybody for a model. One that is asked for already, in the same words, is not asked for twice."""
    who, typed = visits.operator(request), proposals.request_form(form)
    try:
        wish, seconds = proposals.wish(typed)
        known = requests.listing(_services(request), who)
        if all(entry.request.wish != wish for entry in known):
            requests.make(_services(request), who, wish, seconds)
    except TukarError as error:
        filled = replace(typed, problem=desk.problem(error))
        return desk.page(request, Filled(request=filled), status_of(error))
    return see(f"{desk.ADDRESS}#requests")


def withdraw(request: Request, form: Form) -> Response:
    """Ask for a model no more, if whoever asks is sure."""
    who, id_ = visits.operator(request), request.path_params["request"]
    try:
        _check_sure(form)
        requests.withdraw(_services(request), who, id_)
    except NotFound:  # the page has no line for it
        raise
    except TukarError as error:
        return desk.page(request, Filled(withdrawal=Outcome(id_, problem=desk.problem(error))), status_of(error))
    return see(f"{desk.ADDRESS}#requests")


def _check_sure(form: Form) -> None:
    if not form.ticked("sure"):
        raise Invalid("nothing was changed: say that you are sure")


@shown
def back(request: Request) -> Response:
    """The page that the forms are on, for whoever loads the address of one."""
    return see(desk.ADDRESS)


def _services(request: Request) -> Services:
    return visits.hub(request).services


_PEER: Final = f"{desk.ADDRESS}/peers/{{peer}}"
_REQUEST: Final = f"{desk.ADDRESS}/requests/{{request}}"

routes = [
    Route(_PEER, wanted),
    Route(f"{_PEER}/refresh", posted(refresh), methods=["POST"]),
    Route(f"{_PEER}/revoke", posted(revoke), methods=["POST"]),
    Route(f"{_PEER}/remove", posted(remove), methods=["POST"]),
    Route(f"{_PEER}/{{act}}", back),
    Route(f"{desk.ADDRESS}/requests", posted(ask), methods=["POST"]),
    Route(f"{desk.ADDRESS}/requests", back),
    Route(f"{_REQUEST}/withdraw", posted(withdraw), methods=["POST"]),
    Route(f"{_REQUEST}/withdraw", back),
]
