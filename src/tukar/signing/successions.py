"""How a hub changes its key: the old key and the new one sign that the one follows the other.

An identity document is the current key and every succession that led to it. It needs no signature of its own: whoever
knows any key of the chain can follow it to the current one. It shows no more than that. A document may be out of date,
and who steals an old key can sign another succession of it. Against both helps to remember the newest key one has
followed to, and to ask with that: a chain without it is not followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Self

from tukar.errors import Invalid
from tukar.signing import statements
from tukar.signing.envelope import Envelope, payload_type, sign, verify
from tukar.signing.fields import Fields
from tukar.signing.keys import Fingerprint, PublicKey, SigningKey

SUCCESSION: Final = payload_type("succession")
MAX_SUCCESSIONS: Final = 1000
MAX_DOCUMENT: Final = 1 << 20
"""Bytes of an identity document; with the most successions it has some 600,000."""


@dataclass(frozen=True, slots=True)
class Succession:
    """The key ``new`` follows the key ``old``, and both have signed it.

    Attributes:
        old: the key until then.
        new: the key from then on.
        at: when, in seconds since 1970 in UTC, as the signers say; nothing depends on it.
        envelope: the statement, with both signatures.

    Invalid if ``envelope`` says something else, or if both keys are the same; BadSignature if one has not signed.
    """

    old: PublicKey
    new: PublicKey
    at: int
    envelope: Envelope

    def __post_init__(self) -> None:
        if self.old == self.new:
            raise Invalid(f"a key does not follow itself: {self.old.fingerprint.grouped}")
        keys = (self.old, self.new)
        payload = verify(self.envelope, SUCCESSION, keys, [key.fingerprint for key in keys])
        if payload != _payload(self.old, self.new, self.at):
            raise Invalid("a succession's envelope is about other keys or another time")

    @classmethod
    def of(cls, old: SigningKey, new: SigningKey, at: int) -> Self:
        """Signed by both keys."""
        payload = _payload(old.public, new.public, at)
        return cls(old.public, new.public, at, sign(SUCCESSION, payload, old, new))

    @classmethod
    def read(cls, envelope: Envelope) -> Self:
        """What the envelope says, verified with the keys that it names; Invalid or BadSignature otherwise."""
        read = Fields("a succession", statements.parse(envelope.payload), ["at", "new", "old"])
        return cls(read.key("old"), read.key("new"), read.integer("at"), envelope)


@dataclass(frozen=True, slots=True)
class IdentityDocument:
    """A hub's current key and how it came to it, oldest succession first: one unbroken line, no key twice.

    1. No more than `MAX_SUCCESSIONS`.
    2. Each succession begins with the key at which the one before ended.
    3. The last one ends at the current key.
    4. No key occurs twice: none comes back, and none has two successors.

    Invalid if not. (That both keys of each signed it, `Succession` has checked.)
    """

    current: PublicKey
    successions: tuple[Succession, ...] = ()

    def __post_init__(self) -> None:
        # 1.
        if len(self.successions) > MAX_SUCCESSIONS:
            raise Invalid(f"an identity has at most {MAX_SUCCESSIONS} successions, not {len(self.successions)}")
        # 2.
        for before, after in pairwise(self.successions):
            if before.new != after.old:
                raise Invalid(f"no succession leads on from {before.new.fingerprint.grouped}")
        # 3.
        if self.successions and self.successions[-1].new != self.current:
            raise Invalid(f"no succession leads to the current key {self.current.fingerprint.grouped}")
        # 4.
        if len(set(self.keys)) < len(self.keys):
            raise Invalid("a key occurs twice among the successions")

    @property
    def keys(self) -> tuple[PublicKey, ...]:
        """Every key, oldest first; the current one is the last."""
        return (*(succession.old for succession in self.successions), self.current)

    def succeeded(self, old: SigningKey, new: SigningKey, at: int) -> Self:
        """With one succession more; ``old`` must be the current key, ``new`` never have been: Invalid otherwise."""
        return type(self)(new.public, (*self.successions, Succession.of(old, new, at)))

    def encode(self) -> bytes:
        """As canonical JSON, see `tukar.signing.statements`."""
        successions: list[statements.Value] = [each.envelope.value() for each in self.successions]
        return statements.encode({"key": str(self.current), "successions": successions})

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """What `encode` wrote; Invalid or BadSignature for anything else. Nothing of it is taken unverified."""
        if len(data) > MAX_DOCUMENT:
            raise Invalid(f"an identity document has at most {MAX_DOCUMENT} bytes, not {len(data)}")
        read = Fields("an identity document", statements.parse(data), ["key", "successions"])
        envelopes = [Envelope.read(each) for each in read.items("successions", MAX_SUCCESSIONS)]
        document = cls(read.key("key"), tuple(Succession.read(envelope) for envelope in envelopes))
        if document.encode() != data:  # an envelope in a form that DSSE allows and `encode` does not write
            raise Invalid("not an identity document in its one form")
        return document


def follow(document: IdentityDocument, known: Fingerprint) -> PublicKey | None:
    """The current key, for who knows the key ``known``; None if it is none of the document's."""
    return document.current if known in {key.fingerprint for key in document.keys} else None


def _payload(old: PublicKey, new: PublicKey, at: int) -> bytes:
    return statements.encode({"at": at, "new": str(new), "old": str(old)})
