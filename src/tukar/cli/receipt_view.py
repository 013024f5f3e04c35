"""Receipts as JSON, and as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tukar.cli.output import Table, counted, date_text, moment, size_text
from tukar.exchange.offers import Item, Receipt
from tukar.exchange.receipts import Comparison

_SHOWN: Final = 20  # files that are named one by one


def value(found: Receipt) -> dict[str, Any]:
    """A receipt as JSON."""
    return {
        "swap": found.swap,
        "offered": moment(found.made_at),
        "offerer": found.offerer.fingerprint,
        "acceptor": found.acceptor.fingerprint,
        "from_offerer": [_item_value(item) for item in found.from_offerer],
        "from_acceptor": [_item_value(item) for item in found.from_acceptor],
        "note": found.note or None,
        "request": found.request or None,
    }


def _item_value(item: Item) -> dict[str, Any]:
    return {
        "repository": str(item.repository),
        "type": item.repository.type,
        "commit": item.commit,
        "licence": item.licence or None,
        "tags": list(item.tags),
        "card_sha256": item.card.sha256 if item.card else None,
        "files": len(item.files),
        "size": item.size,
    }


def comparison_value(compared: Comparison) -> dict[str, Any]:
    """A folder beside it, as JSON."""
    return {
        "repository": str(compared.item.repository),
        "same": compared.is_same,
        "missing": list(compared.missing),
        "different": list(compared.different),
    }


def text(found: Receipt) -> Iterator[str | Table]:
    """Who handed what to whom."""
    yield f"receipt of the swap {found.swap}, offered {date(found)}"
    yield f"offerer:  {found.offerer.fingerprint.grouped}"
    yield f"acceptor: {found.acceptor.fingerprint.grouped}"
    if found.request:
        yield f"answers the request {found.request}"
    if found.note:
        yield f"note: {found.note}"
    for giver, taker, items in (
        ("offerer", "acceptor", found.from_offerer),
        ("acceptor", "offerer", found.from_acceptor),
    ):
        yield ""
        yield from _handed_over(giver, taker, items)


def _handed_over(giver: str, taker: str, items: tuple[Item, ...]) -> Iterator[str | Table]:
    if not items:
        yield f"The {giver} handed over nothing."
        return
    yield f"The {giver} handed over to the {taker}:"
    rows = [
        (_name(item), item.commit, item.licence or "none declared", str(len(item.files)), size_text(item.size))
        for item in items
    ]
    yield Table(("repository", "revision", "licence", ">files", ">size"), rows)


def trust(given: Sequence[str], recognised: Sequence[str]) -> Iterator[str]:
    """What the reader has to know from elsewhere, but for the roles whose fingerprints they gave, or the hub knew."""
    unknown = [role for role in ("offerer", "acceptor") if role not in given and role not in recognised]
    if not unknown:
        if not recognised:
            yield "Both fingerprints are those that you gave."
        return
    one = unknown[0] if len(unknown) == 1 else None
    which, them = ("Both fingerprints are", "them") if one is None else (f"The {one}'s fingerprint is", "it")
    yield (
        f"{which} the receipt's own word: whose, it cannot tell. Compare {them} with what the hub's operator told you, "
        f"or give {them} with {f'--{one}' if one else '--offerer and --acceptor'}."
    )


def comparison_text(compared: Comparison | None, folder: Path | None) -> Iterator[str]:
    """Whether a folder is what was handed over."""
    if compared is None:
        return
    name, count = _name(compared.item), len(compared.item.files)
    if compared.is_same:
        yield f"{folder} has {'the file' if count == 1 else f'all {count} files'} of {name}, byte for byte."
        return
    yield f"{folder} is not {name} as it was handed over:"
    for paths, what in ((compared.missing, "missing"), (compared.different, "different")):
        yield from (f"  {what}: {path}" for path in paths[:_SHOWN])
        if len(paths) > _SHOWN:
            yield f"  {what}: {counted(len(paths) - _SHOWN, 'file')} more"


def _name(item: Item) -> str:
    kind = item.repository.type
    return str(item.repository) if kind == "model" else f"{item.repository} ({kind})"


def names(items: Iterable[Item]) -> str:
    """The repositories on one side."""
    return ", ".join(_name(item) for item in items) or "nothing"


def size(items: Iterable[Item]) -> int:
    """Bytes of all files."""
    return sum(item.size for item in items)


def date(found: Receipt) -> str:
    """When it was offered, in local time."""
    return date_text(moment(found.made_at))
