"""``tukar receipt``: what two hubs handed each other, and whether it is true."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from tukar.cli import options, receipt_check, receipt_view
from tukar.cli.administration import administration
from tukar.cli.failures import FAILED
from tukar.cli.output import Output, Table, size_text
from tukar.cli.receipt_check import Check, Owners, verify_file
from tukar.errors import Conflict, Invalid
from tukar.exchange import receipts
from tukar.exchange.endpoint import Endpoint
from tukar.exchange.http import Remote, repo_path
from tukar.exchange.offers import Receipt
from tukar.signing import Envelope, Fingerprint
from tukar.types import RepoId, RepoType


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
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, allow_dash=True)
)
@click.option("--offerer", type=_Fingerprints(), help="The fingerprint that you know of the hub that offered.")
@click.option("--acceptor", type=_Fingerprints(), help="The fingerprint that you know of the hub that accepted.")
@click.option("--peers", is_flag=True, help="Say whose the keys are, of those that your hub and its peers have or had.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Compare the files in this folder with what was handed over.",
)
@options.json_option
@click.pass_context
def verify(
    ctx: click.Context,
    files: tuple[str, ...],
    offerer: Fingerprint | None,
    acceptor: Fingerprint | None,
    peers: bool,
    folder: Path | None,
    output: Output,
) -> None:
    """Verify the receipt in each FILE, or on standard input for -, without any hub, and say what it says.

    Whose the two keys are, no receipt can tell: compare the fingerprints with those that the hubs' operators told you,
    or give these as options. With --peers, the hub at HF_ENDPOINT is asked which of its peers has the key, or had it
    before. With --folder, every file that was handed over is compared with the one in the folder. Exits with 1 where a
    signature, a fingerprint or a file does not match, in whichever receipt.

    \b
    Examples:
      tukar receipt verify 4f1c9e0b2d7a.receipt.json
      tukar receipt verify receipts/*.receipt.json --peers
      tukar receipt verify - --offerer abcd-efgh-ijkl-mnop-qrst-uvwx-yz23-4567 < 4f1c9e0b2d7a.receipt.json
      tukar receipt verify 4f1c9e0b2d7a.receipt.json --folder ./child
    """
    check = Check(offerer, acceptor, folder, _owners() if peers else None)
    checked = [verify_file(name, check, output) for name in files]
    if len(checked) == 1 and checked[0].error is not None and not output.as_json:
        raise checked[0].error
    blocks = [block for each in checked for block in (*each.text(titled=len(files) > 1), "")]
    output.show([each.value() for each in checked], *blocks[:-1], *receipt_check.summary(checked))
    if not all(each.is_good for each in checked):
        ctx.exit(FAILED)


def _owners() -> Owners:
    with administration(None) as hub:
        return Owners.of(hub.show_identity(), hub.peers())


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
        (
            r.swap[:12],
            receipt_view.date(r),
            receipt_view.names(r.from_offerer),
            receipt_view.names(r.from_acceptor),
            size_text(receipt_view.size(receipts.items_of(r))),
        )
        for r in found
    ]
    table = Table(("swap", "offered", "from the offerer", "from the acceptor", ">size"), rows)
    output.show([receipt_view.value(each) for each in found], table)


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
        {
            **receipt_view.value(each),
            "envelope": envelope.value(),
            "saved": saved.get(each.swap) and str(saved[each.swap]),
        }
        for each, envelope in found
    ]
    blocks = [block for each, _ in found for block in (*receipt_view.text(each), *_places(saved.get(each.swap)), "")]
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


def _places(saved: Path | None) -> Iterator[str]:
    if saved is not None:
        yield f"saved as {saved}"
