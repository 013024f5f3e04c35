"""Receipts: what two hubs handed each other, as whoever knows their fingerprints can verify it, without any hub."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tukar import signing
from tukar.errors import Invalid
from tukar.exchange.offers import RECEIPT, Item, Receipt
from tukar.signing import BadSignature, Envelope, Fingerprint, PublicKey

_BUFFER: Final = 1 << 20

Progress = Callable[[int], None]


def verify(envelope: Envelope) -> Receipt:
    """What a receipt says, now that it is known to be one, and to be signed by both hubs that it names.

    1. It is a receipt, by its type: Invalid if not.
    2. It is well-formed, and every value within its bounds: Invalid if not.
    3. It names two hubs, not one twice: Invalid if not.
    4. Both have signed it, by the keys that it names, and nobody else has: BadSignature if not.

    Whose these keys are, no receipt can tell: see `check_signers`.
    """
    # 1.
    if envelope.payload_type != RECEIPT:
        raise Invalid(
            f"not a receipt: it was signed as {envelope.payload_type[:80]!r}", hint=f"a receipt is {RECEIPT!r}"
        )
    # 2.
    receipt = Receipt.read(envelope.payload)
    # 3.
    keys = (receipt.offerer, receipt.acceptor)
    if receipt.offerer == receipt.acceptor:
        raise Invalid(f"the receipt names one hub twice: {receipt.offerer.fingerprint.grouped}")
    # 4.
    signing.verify(envelope, RECEIPT, keys, [key.fingerprint for key in keys])
    return receipt


def check_signers(receipt: Receipt, offerer: Fingerprint | None, acceptor: Fingerprint | None) -> None:
    """BadSignature unless the hubs have the fingerprints that are known from elsewhere; None for one that is not."""
    _check_signer("offerer", receipt.offerer, offerer)
    _check_signer("acceptor", receipt.acceptor, acceptor)


def _check_signer(role: str, key: PublicKey, known: Fingerprint | None) -> None:
    if known is not None and key.fingerprint != known:
        raise BadSignature(
            f"the {role} signed with the key {key.fingerprint.grouped}, not with {known.grouped}",
            hint="another hub, or the same with another key: its operator can tell, and --peers asks your own hub",
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """A folder beside what was handed over.

    Attributes:
        item: the repository that it is compared with: of those in the receipt, the one that most files in it are of.
        missing: the paths of its files that are not in the folder.
        different: the paths of those that are, with other bytes.
    """

    item: Item
    missing: tuple[str, ...]
    different: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether every file is there with the bytes that were handed over."""
        return not self.missing and not self.different


def check_folder(receipt: Receipt, folder: Path, on_progress: Progress = lambda _: None) -> Comparison:
    """Compare the files of a folder with the SHA-256 that the receipt has of each. What else lies there is not read.

    Invalid if the receipt names no file.

    Args:
        on_progress: called with the number of bytes read since the last call.
    """
    items = [item for item in items_of(receipt) if item.files]
    if not items:
        raise Invalid("the receipt names no file: there is nothing to compare")
    found = {path: _sha256(place, on_progress) for path, place in _places(receipt, folder)}
    return max((_compare(item, found) for item in items), key=_likeness)


def folder_size(receipt: Receipt, folder: Path) -> int:
    """Bytes that `check_folder` will read."""
    return sum(place.stat().st_size for _, place in _places(receipt, folder) if place.is_file())


def items_of(receipt: Receipt) -> tuple[Item, ...]:
    """All that was handed over, in either direction."""
    return (*receipt.from_offerer, *receipt.from_acceptor)


def _places(receipt: Receipt, folder: Path) -> Iterator[tuple[str, Path]]:
    """Each path once. They were checked as the receipt was read: none leads out of the folder."""
    for path in sorted({file.path for item in items_of(receipt) for file in item.files}):
        yield path, folder.joinpath(*path.split("/"))


def _compare(item: Item, found: Mapping[str, str | None]) -> Comparison:
    missing = tuple(file.path for file in item.files if found[file.path] is None)
    different = tuple(file.path for file in item.files if found[file.path] not in (None, file.sha256))
    return Comparison(item, missing, different)


def _likeness(compared: Comparison) -> tuple[bool, int]:
    wrong = len(compared.missing) + len(compared.different)
    return compared.is_same, len(compared.item.files) - wrong


def _sha256(path: Path, on_progress: Progress) -> str | None:
    if not path.is_file():  # a pipe or a device could be read for ever
        return None
    hasher, buffer = hashlib.sha256(), memoryview(bytearray(_BUFFER))
    with path.open("rb", buffering=0) as source:
        while count := source.readinto(buffer):
            hasher.update(buffer[:count])
            on_progress(count)
    return hasher.hexdigest()
