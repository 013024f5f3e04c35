"""What is checked of a receipt on the command line, and whose its keys are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click

from tukar.cli import receipt_view
from tukar.cli.administration import Value
from tukar.cli.output import Output, Table
from tukar.errors import TukarError
from tukar.exchange import receipts
from tukar.exchange.offers import Receipt
from tukar.exchange.receipts import Comparison
from tukar.signing import Envelope, Fingerprint
from tukar.signing.envelope import MAX_ENVELOPE

_GOOD: Final = "Both signatures are good: nothing in it was changed since."


@dataclass(frozen=True, slots=True)
class Owner:
    """The hub that has a key, or had it before. ``peer`` is its name, None for one's own hub."""

    peer: str | None
    earlier: bool

    def sentence(self, role: str) -> str:
        """Whose the key of a role is."""
        if self.peer is None:
            return f"The {role}'s key is {'an earlier key of this hub' if self.earlier else 'that of this hub'}."
        if self.earlier:
            return f"The {role}'s key is an earlier key of the peer {self.peer}: it has another one by now."
        return f"The {role}'s key is that of the peer {self.peer}."


@dataclass(frozen=True, slots=True)
class Owners:
    """Every key that one's hub and its peers have, or had before."""

    of_key: Mapping[Fingerprint, Owner]

    @classmethod
    def of(cls, own: Value, peers: Sequence[Value]) -> Owners:
        """From what the hub says of its own keys, and of its peers."""
        found: dict[Fingerprint, Owner] = {}
        for name, hub in [*((peer["name"], peer) for peer in peers), (None, own)]:
            for key in hub["earlier"]:
                earlier = key if isinstance(key, str) else key["fingerprint"]
                found[Fingerprint.parse(earlier)] = Owner(name, earlier=True)
            found[Fingerprint.parse(hub["fingerprint"])] = Owner(name, earlier=False)
        return cls(found)

    def is_same_hub(self, one: Fingerprint, other: Fingerprint) -> bool:
        """Whether both keys are known to be of one hub."""
        first, second = self.of_key.get(one), self.of_key.get(other)
        return first is not None and second is not None and first.peer == second.peer


@dataclass(frozen=True, slots=True)
class Check:
    """What a receipt is compared with.

    Attributes:
        offerer, acceptor: the fingerprints that are known from elsewhere.
        owners: whose keys are known; None where nobody was asked.
    """

    offerer: Fingerprint | None
    acceptor: Fingerprint | None
    folder: Path | None
    owners: Owners | None

    @property
    def given(self) -> tuple[str, ...]:
        """The roles whose fingerprints are known from elsewhere."""
        return tuple(role for role in ("offerer", "acceptor") if getattr(self, role) is not None)

    def signers(self, found: Receipt) -> dict[str, Owner | None]:
        """Whose the two keys are, by their roles; empty where nobody was asked."""
        if self.owners is None:
            return {}
        return {role: self.owners.of_key.get(getattr(found, role).fingerprint) for role in ("offerer", "acceptor")}

    def expected(self, role: str, used: Fingerprint) -> Fingerprint | None:
        """The key that a role should have: the one that is given, or the one that was used, if both are of one hub."""
        given: Fingerprint | None = getattr(self, role)
        if given is not None and self.owners is not None and self.owners.is_same_hub(given, used):
            return used
        return given


@dataclass(frozen=True, slots=True)
class Checked:
    """A receipt that was looked at; ``found`` is None, and ``error`` says why, if it is not good."""

    file: str
    check: Check
    found: Receipt | None = None
    compared: Comparison | None = None
    error: TukarError | None = None
    signers: Mapping[str, Owner | None] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether everything matches."""
        return self.error is None and (self.compared is None or self.compared.is_same)

    def value(self) -> dict[str, Any]:
        """As JSON."""
        told = {"file": self.file, "good": self.is_good}
        if self.error is not None or self.found is None:
            return told | {"error": self.error and self.error.message, "hint": self.error and self.error.hint}
        signers = {
            role: owner and {"peer": owner.peer, "earlier": owner.earlier} for role, owner in self.signers.items()
        }
        return {
            **told,
            "error": None,
            **receipt_view.value(self.found),
            "known": list(self.check.given),
            "signers": signers or None,
            "folder": None if self.compared is None else receipt_view.comparison_value(self.compared),
        }

    def text(self, *, titled: bool) -> Iterator[str | Table]:
        """For people; with the file's name in front where there are several."""
        if titled:
            yield f"{self.file}:"
        if self.error is not None or self.found is None:
            yield f"Not good: {self.error and self.error.message}"
            if self.error is not None and self.error.hint:
                yield f"hint: {self.error.hint}"
            return
        yield from receipt_view.text(self.found)
        yield from ("", _GOOD)
        yield from (_sentence(role, owner) for role, owner in self.signers.items())
        yield from receipt_view.trust(self.check.given, [role for role, owner in self.signers.items() if owner])
        yield from receipt_view.comparison_text(self.compared, self.check.folder)


def verify_file(name: str, check: Check, output: Output) -> Checked:
    """Look at the receipt in a file, or on standard input for ``-``."""
    try:
        with click.open_file(name, "rb") as file:
            found = receipts.verify(Envelope.parse(file.read(MAX_ENVELOPE + 1)))
        keys = found.offerer.fingerprint, found.acceptor.fingerprint
        receipts.check_signers(found, check.expected("offerer", keys[0]), check.expected("acceptor", keys[1]))
        compared = None if check.folder is None else _compared(found, check.folder, output)
    except TukarError as error:
        return Checked(name, check, error=error)
    return Checked(name, check, found, compared, signers=check.signers(found))


def summary(checked: Sequence[Checked]) -> Iterator[str]:
    """How many are good, where there are several."""
    if len(checked) > 1:
        bad = [each.file for each in checked if not each.is_good]
        yield ""
        yield f"{len(checked) - len(bad)} of {len(checked)} are good" + (f"; not good: {', '.join(bad)}" if bad else "")


def _sentence(role: str, owner: Owner | None) -> str:
    return owner.sentence(role) if owner else f"The {role}'s key is not known here: no peer has it, or had it before."


def _compared(found: Receipt, folder: Path, output: Output) -> Comparison:
    with output.progress("Compare", receipts.folder_size(found, folder)) as advance:
        return receipts.check_folder(found, folder, advance)
