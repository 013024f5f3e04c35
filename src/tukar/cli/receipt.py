"""``tukar receipt``: what two hubs handed each other, and whether it is true."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

import click

from tukar.cli import options
from tukar.cli.failures import FAILED
from tukar.cli.output import Output, Table, counted, date_text, size_text
from tukar.errors import Conflict, Invalid
from tukar.exchange import receipts
from tukar.exchange.endpoint import Endpoint
from tukar.exchange.http import Remote, repo_path
from tukar.exchange.offers import Item, Receipt
from tukar.exchange.receipts import Comparison
from tukar.signing import Envelope, Fingerprint
from tukar.signing.envelope import MAX_ENVELOPE
from tukar.types import RepoId, RepoType

_SHOWN: Final = 20  # files that are named one by one
_GOOD: Final = "Both signatures are good: nothing in it was changed since."


class _Fingerprints(click.ParamType[Fingerprint]):
    """A fingerprint, however it is typed."""

    name = "fingerprint"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Fingerprint:
        """A usage error for anything else."""
        try:
            return Fingerprint.parse(value)
        except Invalid as error:
            self.fail(f"{error.message} ({error.hint})" if error.hint else error.message, param, ctx)


@click.group()
def receipt() -> None:
    """Look at receipts of swaps, and verify them."""


@receipt.command()
@click.argument("file", type=click.File("rb"))
@click.option("--offerer", type=_Fingerprints(), help="The fingerprint that you know of the hub that offered.")
@click.option("--acceptor", type=_Fingerprints(), help="The fingerprint that you know of the hub that accepted.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Compare the files in this folder with what was handed over.",
)
@options.json_option
@click.pass_context
def verify(
    ctx: click.Context,
    file: IO[bytes],
    offerer: Fingerprint | None,
    acceptor: Fingerprint | None,
    folder: Path | None,
    output: Output,
) -> None:
    """Verify the receipt in FILE, or on standard input for -, without any hub, and say what it says.

    Whose the two keys are, no receipt can tell: compare the fingerprints with those that the hubs' operators told you,
    or give these as options. With --folder, every file that was handed over is compared with the one in the folder.
    Exits with 1 where a signature, a fingerprint or a file does not match.

    \b
    Examples:
      tukar receipt verify 4f1c9e0b2d7a.receipt.json
      tukar receipt verify - --offerer abcd-efgh-ijkl-mnop-qrst-uvwx-yz23-4567 < 4f1c9e0b2d7a.receipt.json
      tukar receipt verify 4f1c9e0b2d7a.receipt.json --folder ./child
    """
    found = receipts.verify(Envelope.parse(file.read(MAX_ENVELOPE + 1)))
    receipts.check_signers(found, offerer, acceptor)
    compared = None if folder is None else _compared(found, folder, output)
    known = [role for role, given in (("offerer", offerer), ("acceptor", acceptor)) if given is not None]
    value = {**_value(found), "known": known, "folder": None if compared is None else _comparison_value(compared)}
    output.show(value, *_text(found), "", _GOOD, *_trust(known), *_comparison_text(compared, folder))
    if compared is not None and not compared.is_same:
        ctx.exit(FAILED)


@receipt.command("list")
@click.argument("repository")
@options.type_option
@options.json_option
def list_(repository: str, kind: RepoType, output: Output) -> None:
    """List the receipts that speak of REPOSITORY: what it was received or handed over for. The newest first.

    \b
    Example:
      tukar receipt list acme/child
    """
    found = [receipts.verify(envelope) for envelope in _of_repository(options.repo_id(repository, kind))]
    rows = [
        (r.swap[:12], _date(r), _names(r.from_offerer), _names(r.from_acceptor), size_text(_size(receipts.items_of(r))))
        for r in found
    ]
    table = Table(("swap", "offered", "from the offerer", "from the acceptor", ">size"), rows)
    output.show([_value(each) for each in found], table)


@receipt.command()
@click.argument("repository")
@click.option("--save", type=click.Path(path_type=Path, file_okay=False), help="Save each receipt in this folder, too.")
@options.type_option
@options.json_option
def show(repository: str, save: Path | None, kind: RepoType, output: Output) -> None:
    """Show all that the receipts of REPOSITORY say. Each is verified first, whatever the hub says.

    Saved as SWAP.receipt.json, after the first 12 digits of the swap's id, they can be kept with the model, handed on,
    and verified anywhere with `tukar receipt verify`.

    \b
    Examples:
      tukar receipt show acme/child
      tukar receipt show acme/child --save ./receipts
    """
    envelopes = _of_repository(options.repo_id(repository, kind))
    found = [(receipts.verify(envelope), envelope) for envelope in envelopes]
    saved = {each.swap: _saved(save, each, envelope) for each, envelope in found if save is not None}
    values = [
        {**_value(each), "envelope": envelope.value(), "saved": saved.get(each.swap) and str(saved[each.swap])}
        for each, envelope in found
    ]
    blocks = [block for each, _ in found for block in (*_text(each), *_places(saved.get(each.swap)), "")]
    output.show(values, *(blocks[:-1] or [f"no receipt speaks of {repository}"]))


def _of_repository(repo: RepoId) -> list[Envelope]:
    with Remote(Endpoint.from_environment()) as remote:
        found = remote.get(f"/api/tukar{repo_path(repo).removeprefix('/api')}/receipts").json()
    if not isinstance(found, list):
        raise Invalid("the hub's answer makes no sense: a list is expected")
    return [Envelope.read(item) for item in found]


def _saved(folder: Path, found: Receipt, envelope: Envelope) -> Path:
    path = folder / f"{found.swap[:12]}.receipt.json"
    folder.mkdir(parents=True, exist_ok=True)
    content = envelope.encode() + b"\n"
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        if path.read_bytes() != content:
            raise Conflict(f"{path} is there already, and is something else", hint="save into another folder") from None
    return path


def _compared(found: Receipt, folder: Path, output: Output) -> Comparison:
    with output.progress("Compare", receipts.folder_size(found, folder)) as advance:
        return receipts.check_folder(found, folder, advance)


def _value(found: Receipt) -> dict[str, Any]:
    return {
        "swap": found.swap,
        "offered": _moment(found.made_at),
        "offerer": found.offerer.fingerprint,
        "acceptor": found.acceptor.fingerprint,
        "from_offerer": [_item_value(item) for item in found.from_offerer],
        "from_acceptor": [_item_value(item) for item in found.from_acceptor],
        "note": found.note or None,
        "request": found.request or None,
    }


def _moment(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return str(seconds)  # whoever signed it wrote no time that is one


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


def _comparison_value(compared: Comparison) -> dict[str, Any]:
    return {
        "repository": str(compared.item.repository),
        "same": compared.is_same,
        "missing": list(compared.missing),
        "different": list(compared.different),
    }


def _text(found: Receipt) -> Iterator[str | Table]:
    yield f"receipt of the swap {found.swap}, offered {_date(found)}"
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


def _trust(known: list[str]) -> Iterator[str]:
    if len(known) == 2:
        yield "Both fingerprints are those that you gave."
        return
    one = next((role for role in ("offerer", "acceptor") if known and role not in known), None)
    which, them = ("Both fingerprints are", "them") if one is None else (f"The {one}'s fingerprint is", "it")
    yield (
        f"{which} the receipt's own word: whose, it cannot tell. Compare {them} with what the hub's operator told you, "
        f"or give {them} with {f'--{one}' if one else '--offerer and --acceptor'}."
    )


def _comparison_text(compared: Comparison | None, folder: Path | None) -> Iterator[str]:
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


def _places(saved: Path | None) -> Iterator[str]:
    if saved is not None:
        yield f"saved as {saved}"


def _name(item: Item) -> str:
    kind = item.repository.type
    return str(item.repository) if kind == "model" else f"{item.repository} ({kind})"


def _names(items: Iterable[Item]) -> str:
    return ", ".join(_name(item) for item in items) or "nothing"


def _size(items: Iterable[Item]) -> int:
    return sum(item.size for item in items)


def _date(found: Receipt) -> str:
    return date_text(_moment(found.made_at))
