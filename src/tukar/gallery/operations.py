"""The pages of the exchange: for everybody who this hub is, for its operators peers and swaps.

Whatever changes something is a form (POST) that is answered by the address to look at next, or by the page that it was
on, with what went wrong and all that was typed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tukar.catalog.values import Identity
from tukar.errors import Conflict, Invalid, NotFound, TukarError
from tukar.gallery import addresses, commands, desk, pages, proposals, swapping, visits
from tukar.gallery.exchange_views import OfferForm, PeerForm, SwapPage
from tukar.gallery.exchanging import UNTOUCHED, Filled
from tukar.gallery.forms import Form
from tukar.gallery.replies import headers, html, posted, see, shown, status_of
from tukar.signing import Fingerprint
from tukar.usecases import peer, swap
from tukar.usecases import request as requests
from tukar.usecases.services import Services

_EXCHANGE: Final = desk.ADDRESS


@shown
def exchange(request: Request) -> Response:
    """What this hub has to do with others; with ``request`` and ``peer``, the form for an offer that answers it."""
    asked = request.query_params
    if "request" not in asked:
        return desk.page(request, UNTOUCHED)
    return desk.page(request, Filled(offer=proposals.answer(asked.get("peer", ""), asked["request"])))


@shown
def back(request: Request) -> Response:
    """The page that a form is on, for whoever loads the form's own address."""
    swap_id = request.path_params.get("swap")
    return see(addresses.swap(swap_id) if swap_id else _EXCHANGE)


@shown
def show(request: Request) -> Response:
    """One swap."""
    return _swap(request, _read(request))


@shown
def receipt(request: Request) -> Response:
    """The receipt of a swap, to be kept as a file."""
    found = swap.get(_services(request), visits.operator(request), request.path_params["swap"]).record
    if found.receipt is None:
        raise NotFound(f"there is no receipt of swap {found.id[:12]}: not both hubs have signed it")
    named = {"Content-Disposition": f'attachment; filename="{commands.receipt_name(found.id)}"'}
    return Response(
        found.receipt.encode(), media_type="application/json", headers=headers(visits.frame(request)) | named
    )


# Offers


def offer(request: Request, form: Form) -> Response:
    """Offer a swap; or, without offering, another row to fill in."""
    who, typed = visits.operator(request), proposals.offer_form(form)
    if form.text("more"):
        return desk.page(request, Filled(offer=typed))
    try:
        typed = _with_whole_id(request, who, typed)
        made = swap.offer(_services(request), who, proposals.proposal(typed))
    except TukarError as error:
        if isinstance(error, swap.OfferedOtherwise):
            typed = replace(typed, nonce=proposals.blank().nonce)
        return desk.page(request, Filled(offer=replace(typed, problem=desk.problem(error))), status_of(error))
    return see(addresses.swap(made.record.id))


def _with_whole_id(request: Request, who: Identity, typed: OfferForm) -> OfferForm:
    """With the whole id of the request that it answers, where the beginning was typed."""
    if not typed.peer or not proposals.is_prefix(typed.request):
        return typed
    return replace(typed, request=requests.id_of(_services(request), who, typed.peer, typed.request))


# Peers


def add_peer(request: Request, form: Form) -> Response:
    """Trust a hub whose fingerprint its operator has told; without one, show which it is, for somebody to compare."""
    who, typed = visits.operator(request), proposals.peer_form(form)
    try:
        if not typed.fingerprint:
            return desk.page(request, Filled(peer=_look(request, who, typed)))
        if form.ticked("shown") and not form.ticked("compared"):
            typed = _look(request, who, typed)
            raise Invalid("nothing was added: compare the fingerprint first, and say that you did")
        _add(request, who, typed)
    except TukarError as error:
        return desk.page(request, Filled(peer=replace(typed, problem=desk.problem(error))), status_of(error))
    return see(f"{_EXCHANGE}#peers")


def _look(request: Request, who: Identity, typed: PeerForm) -> PeerForm:
    document = peer.look(_services(request), who, typed.url)
    name = typed.name or peer.default_name(typed.url)
    return replace(typed, name=name, found=document.current.fingerprint.grouped, earlier=len(document.successions))


def _add(request: Request, who: Identity, typed: PeerForm) -> None:
    """Add a peer; nothing if it has been added just so."""
    fingerprint = Fingerprint.parse(typed.fingerprint)
    try:
        peer.add(_services(request), who, typed.url, fingerprint, typed.name or None)
    except Conflict:
        known = [each for each in peer.listing(_services(request), who) if each.fingerprint == fingerprint]
        if not any(each.is_trusted and typed.name in ("", each.name) for each in known):
            raise


# Decisions


def accept(request: Request, form: Form) -> Response:
    """Accept an offer, to be published where the form says."""
    who, view = visits.operator(request), _read(request)
    typed, private, give_private = form.texts("into"), form.ticked("private"), form.ticked("give_private")
    try:
        coming = [proposals.repo_id(place.theirs) for place in view.places]
        into = proposals.places(coming, typed)
        swap.accept(_services(request), who, view.id, into, private=private, give_private=give_private)
    except TukarError as error:
        places = tuple(replace(place, ours=ours) for place, ours in zip(view.places, typed, strict=False))
        places += view.places[len(places) :]
        view = replace(view, places=places, private=private, give_private=give_private, problem=desk.problem(error))
        return _swap(request, view, status_of(error))
    return see(view.address)


def refuse(request: Request, form: Form) -> Response:
    """Refuse an offer."""
    return _end(request, form, "refuse")


def cancel(request: Request, form: Form) -> Response:
    """Cancel a swap."""
    return _end(request, form, "cancel")


_ENDS: Final = {"refuse": swap.refuse, "cancel": swap.cancel}


def _end(request: Request, form: Form, act: str) -> Response:
    who, view, reason = visits.operator(request), _read(request), form.text("reason")
    try:
        _ENDS[act](_services(request), who, view.id, reason)
    except TukarError as error:
        view = replace(view, typed={act: reason}, problem=desk.problem(error))
        return _swap(request, view, status_of(error))
    return see(view.address)


# Pages


def _read(request: Request) -> SwapPage:
    who = visits.operator(request)
    return swapping.page(_services(request), who, request.path_params["swap"])


def _swap(request: Request, view: SwapPage, status: int = 200) -> Response:
    frame = visits.frame(request)
    return html(pages.swap_page(view, frame), frame, status, pages.LIVE_POLICY)


def _services(request: Request) -> Services:
    return visits.hub(request).services


_SWAP: Final = f"{_EXCHANGE}/{{swap}}"

routes = [
    Route(_EXCHANGE, exchange),
    Route(f"{_EXCHANGE}/offer", posted(offer), methods=["POST"]),
    Route(f"{_EXCHANGE}/offer", back),
    Route(f"{_EXCHANGE}/peers", posted(add_peer), methods=["POST"]),
    Route(f"{_EXCHANGE}/peers", back),
    Route(_SWAP, show),
    Route(f"{_SWAP}/receipt", receipt),
    Route(f"{_SWAP}/accept", posted(accept), methods=["POST"]),
    Route(f"{_SWAP}/refuse", posted(refuse), methods=["POST"]),
    Route(f"{_SWAP}/cancel", posted(cancel), methods=["POST"]),
    Route(f"{_SWAP}/{{act}}", back),
]
