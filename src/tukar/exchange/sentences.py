"""What a swap's state means, and why an event is not possible, in one sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tukar.exchange.states import FINAL, Act, Cause, Event, Message, Role, State, Swap

_SAID_BY: Final = {
    Role.OFFERER: frozenset({Message.OFFER, Message.CANCEL, Message.RECEIPT}),
    Role.ACCEPTOR: frozenset(Message) - {Message.OFFER},
}

_WAITING: Final[Mapping[tuple[Role, State], str]] = {
    (Role.OFFERER, State.OFFERED): (
        "You made this offer; the other hub has not accepted or refused it yet, and you can cancel it."
    ),
    (Role.OFFERER, State.ACCEPTED): (
        "The other hub accepted; what you asked for is on its way here, and until it is here you can cancel."
    ),
    (Role.OFFERER, State.READY): (
        "Nothing is missing here; the other hub has to receive its part and sign for it, and until then you can cancel."
    ),
    (Role.ACCEPTOR, State.OFFERED): (
        "The other hub made this offer; you can accept or refuse it until its time runs out."
    ),
    (Role.ACCEPTOR, State.ACCEPTED): (
        "You accepted; what you were offered is on its way here, and until it is here you can cancel."
    ),
    (Role.ACCEPTOR, State.PREPARED): (
        "Nothing is missing here and this hub has signed for it; the other hub has to answer with the receipt or to "
        "cancel, and you can only wait."
    ),
}
_SIGNED: Final = (
    "The other hub accepted, received its part and signed for it; what you asked for is on its way here, "
    "and until it is here you can cancel."
)
_PUBLISHED: Final = "Done: both hubs signed the receipt, and what came here is published"
_REFUSED: Final[Mapping[Role, str]] = {
    Role.OFFERER: "The other hub refused the offer: nothing was handed over",
    Role.ACCEPTOR: "You refused the offer: nothing was handed over",
}
_EXPIRED: Final = "The offer expired before it was accepted: nothing was handed over"
_CANCELLED: Final[Mapping[Cause, str]] = {
    Cause.OPERATOR: "You cancelled the swap",
    Cause.PEER: "The other hub cancelled the swap",
    Cause.EXPIRED: "The swap's time ran out",
    Cause.FAILED: "The swap was cancelled because what comes here could not be fetched or published",
}


def explain(swap: Swap, *, expired: bool = False) -> str:
    """Where the swap stands, what is waited for and what one can do.

    Args:
        expired: whether it was cancelled because nobody accepted the offer while it stood.
    """
    if swap.state in FINAL:
        left = "nothing is left to do" if swap.settled else "the other hub is told until it confirms"
        return f"{_EXPIRED if expired else _end(swap)}; {left}."
    return _SIGNED if swap.state is State.ACCEPTED and swap.signed else _WAITING[swap.role, swap.state]


def _end(swap: Swap) -> str:
    if swap.state is State.PUBLISHED:
        return _PUBLISHED
    if swap.ending is None:
        return _REFUSED[swap.role]
    return f"{_CANCELLED[swap.ending]}: nothing was published, and what had arrived was removed"


def reason(swap: Swap, event: Event) -> str:
    """Why the event is not possible for this side in its state."""
    peer = Role.OFFERER if swap.role is Role.ACCEPTOR else Role.ACCEPTOR
    if isinstance(event, Message) and event not in _SAID_BY[peer]:
        return f"{event.value} is not for the {peer} to say."
    if swap.state is State.OFFERED and event is Message.PREPARED:
        return "The acceptance has to come before the signature; it is expected to be said again with it."
    if swap.state is State.PREPARED and event in (Act.CANCEL, Act.EXPIRED):
        return "This hub has signed for what it received: from here on the offerer alone decides how the swap ends."
    if swap.state in FINAL:
        return f"The swap has ended here, {swap.state} for good: {_happening(event)} comes too late or cannot be true."
    return f"Not possible for the {swap.role} while the swap is {swap.state}: {_happening(event)}."


def _happening(event: Event) -> str:
    return f"{event.value} from the other hub" if isinstance(event, Message) else event.value
