"""What operators type, read: offers, the places where what comes is published, peers."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Final

from tukar.errors import Invalid
from tukar.exchange.offers import ITEMS_LIMIT, Reference
from tukar.exchange.requests import Evaluation, Wish
from tukar.gallery.exchange_views import OfferForm, PeerForm, RequestForm, Wanted
from tukar.gallery.forms import Form
from tukar.types import RepoId, RepoType
from tukar.usecases.swap import DAY, LONGEST, Proposal

_TYPES: Final[Mapping[str, RepoType]] = {"datasets": "dataset", "spaces": "space"}
_PLURALS: Final = {type_: plural for plural, type_ in _TYPES.items()}


_SHOWN: Final = 100  # characters of what came with an address


def name_of(id_: RepoId) -> str:
    """A repository as it is written on pages: ``namespace/name``, with its type in front unless it is a model."""
    return str(id_) if id_.type == "model" else f"{_PLURALS[id_.type]}/{id_}"


def repo_id(text: str) -> RepoId:
    """What `name_of` writes, read; Invalid if it is nothing of the kind."""
    first, _, rest = text.partition("/")
    return RepoId.parse(rest, _TYPES[first]) if first in _TYPES and "/" in rest else RepoId.parse(text)


def reference(text: str) -> Reference:
    """A revision: ``namespace/name@revision``, of ``main`` without the ``@``."""
    name, at, revision = text.partition("@")
    if at and not revision:
        raise Invalid(f"no revision after the @ in {text[:200]!r}", hint="write NAMESPACE/NAME@REVISION")
    return Reference(repo_id(name), revision or "main")


def blank() -> OfferForm:
    """A form that nobody has filled in."""
    return OfferForm(secrets.token_hex(16))


def answer(peer: str, request: str) -> OfferForm:
    """The form for an offer that answers a request of a peer."""
    return replace(blank(), peer=peer[:_SHOWN], request=request[:_SHOWN], chosen=True)


def is_prefix(request: str) -> bool:
    """Whether it is the beginning of a request's id, long enough to say which."""
    return re.fullmatch("[0-9a-f]{6,63}", request) is not None


def offer_form(form: Form) -> OfferForm:
    """An offer as it was typed, whatever that is; with a row more where that was asked for."""
    rows = zip_longest(form.texts("take"), form.texts("into"), fillvalue="")
    filled = OfferForm(
        form.text("nonce"),
        form.text("peer"),
        form.texts("give")[:ITEMS_LIMIT],
        tuple(Wanted(*row) for row in rows)[:ITEMS_LIMIT],
        form.text("note"),
        form.text("days"),
        form.ticked("private"),
        form.text("request"),
        form.ticked("give_private"),
    )
    more = form.text("more")
    return replace(
        filled,
        added=more,
        give=(*filled.give, "") if more == "give" or not filled.give else filled.give,
        take=(*filled.take, Wanted()) if more == "take" or not filled.take else filled.take,
    )


def proposal(typed: OfferForm) -> Proposal:
    """The offer that was typed; Invalid, with the reason, if it cannot be one."""
    if not typed.peer:
        raise Invalid("choose the hub that the offer is for")
    days = _days(typed.days, "an offer")
    taken = [(reference(wanted.theirs), wanted.ours) for wanted in typed.take if wanted.theirs]
    if any(wanted.ours and not wanted.theirs for wanted in typed.take):
        raise Invalid("there is a place to publish for something that is not asked for")
    return Proposal(
        typed.peer,
        tuple(reference(text) for text in typed.give if text),
        tuple(asked for asked, _ in taken),
        places([asked.repository for asked, _ in taken], [ours for _, ours in taken]),
        typed.private,
        typed.note,
        days * DAY,
        typed.request,
        typed.nonce,
        typed.give_private,
    )


def places(coming: Iterable[RepoId], typed: Sequence[str]) -> dict[RepoId, RepoId]:
    """Where to publish what comes, as it was typed beside each; what was left empty is left out."""
    found: dict[RepoId, RepoId] = {}
    for theirs, ours in zip(coming, typed, strict=False):
        if ours:
            named = RepoId.parse(ours.removeprefix(f"{_PLURALS.get(theirs.type)}/"), theirs.type)
            found[theirs] = named
    return found


def request_form(form: Form) -> RequestForm:
    """A request as it was typed, whatever that is."""
    return RequestForm(
        form.text("text"),
        form.text("task"),
        form.text("licence"),
        form.text("base_model"),
        form.text("sha256"),
        form.text("metric"),
        form.text("at_least"),
        form.text("days"),
    )


def wish(typed: RequestForm) -> tuple[Wish, int]:
    """What is asked for, and for how many seconds; Invalid, with the reason, if it cannot be asked."""
    measured = (typed.sha256.lower(), typed.metric, typed.at_least)
    if any(measured) and not all(measured):
        raise Invalid("the file's SHA-256, what is measured and how much it has to be go together")
    if not typed.text:
        raise Invalid("say in words which model you need")
    days = _days(typed.days, "a request")
    evaluation = Evaluation(*measured) if all(measured) else None
    return Wish(typed.text, typed.task, typed.licence, typed.base_model, evaluation), days * DAY


def _days(typed: str, what: str) -> int:
    if not re.fullmatch("[0-9]{1,3}", typed) or not 0 < int(typed) * DAY <= LONGEST:
        told = f"{what} stands for 1 to {LONGEST // DAY} days, not {typed[:20]!r}"
        raise Invalid(told, hint="write a whole number, as in 7")
    return int(typed)


def peer_form(form: Form) -> PeerForm:
    """A peer as it was typed, whatever that is."""
    return PeerForm(form.text("url"), form.text("name"), form.text("fingerprint"))
