"""The words of the swap's state machine: sides, states, events, effects, and one side of a swap as a frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final, TypeAlias


class Role(StrEnum):
    """Which side of the swap this hub is."""

    OFFERER = "offerer"
    ACCEPTOR = "acceptor"


class State(StrEnum):
    """Where a side is. The last three are final."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    READY = "ready"  # offerer: all is here; waits for the acceptor's signature
    PREPARED = "prepared"  # acceptor: all is here, and signed for; the offerer decides
    PUBLISHED = "published"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class Act(Enum):
    """What happens at this hub, without a statement of the other."""

    ACCEPT = "the operator accepts"
    REFUSE = "the operator refuses"
    CANCEL = "the operator cancels"
    ARRIVED = "all has arrived and is verified"
    FAILED = "it failed for good"  # the transfer, or publishing what it brought
    EXPIRED = "the time ran out"
    UNKNOWN = "the other hub knows no such swap"


class Message(Enum):
    """A statement, signed by the hub that says it."""

    OFFER = "OFFER"
    ACCEPT = "ACCEPT"
    REFUSE = "REFUSE"
    CANCEL = "CANCEL"  # of either side; also the answer of a side where nothing was published
    PREPARED = "PREPARED"  # the receipt with the acceptor's signature alone
    RECEIPT = "RECEIPT"  # the receipt with both signatures


Event: TypeAlias = Act | Message


class Effect(StrEnum):
    """What to do in the transaction that stores the new state."""

    TRANSFER = "transfer"  # begin to fetch what comes here
    SIGN = "sign"  # sign the receipt; for the acceptor: and see to it that publishing cannot fail any more
    PUBLISH = "publish"  # store the receipt with both signatures, and publish what came
    SWEEP = "sweep"  # stop the transfer, and drop what is left of the quarantine


class Cause(StrEnum):
    """Why a swap was cancelled."""

    OPERATOR = "operator"
    PEER = "peer"
    EXPIRED = "expired"
    FAILED = "failed"


FINAL: Final = frozenset({State.PUBLISHED, State.REFUSED, State.CANCELLED})


@dataclass(frozen=True, slots=True)
class Swap:
    """One side's part in a swap; all of it is durable.

    Attributes:
        arrived: all that comes to this side is in quarantine and verified; true from the start where nothing comes.
        signed: the other side's signature on the receipt is here.
        settled: the other side ended as well, and said so: nobody has to be told anything.
        ending: why it was cancelled; None unless it was.
    """

    role: Role
    state: State = State.OFFERED
    arrived: bool = False
    signed: bool = False
    settled: bool = False
    ending: Cause | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an event leads to.

    Attributes:
        effects: to be carried out in this order, in the transaction that stores ``swap``.
        refusal: why the event is not possible, in one sentence; the swap is then as it was. None for an event that
            was taken, or had been taken before.
    """

    swap: Swap
    effects: tuple[Effect, ...] = ()
    refusal: str | None = None
