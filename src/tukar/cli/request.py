"""``tukar request``: say which model you need, and see what others need."""

from __future__ import annotations

from pathlib import Path

import click

from tukar.cli import options, request_view
from tukar.cli.administration import Value
from tukar.cli.exchanging import Exchange, exchange
from tukar.cli.output import Output
from tukar.cli.peer_requests import of_peer
from tukar.exchange import checksums

_peer_option = click.option("--peer", metavar="NAME", help="Those of this peer, fetched from it and verified.")


@click.group()
def request() -> None:
    """Ask for a model, and see who asks for what. Requests are public."""


@request.command()
@click.argument("text")
@click.option("--task", default="", help="What it is for, as cards name it: sentence-similarity.")
@click.option("--licence", default="", help="The licence that it has to have, as cards name it: apache-2.0.")
@click.option("--base", default="", metavar="MODEL", help="The model that it should be made from.")
@click.option(
    "--evaluation",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The file that you will evaluate it on. It stays here: only its SHA-256 is told.",
)
@click.option("--metric", help="What you will measure on it.")
@click.option("--at-least", metavar="NUMBER", help="How much that has to be, as in 0.83.")
@click.option(
    "--expires",
    type=options.Duration("90d", zero=False),
    default="90d",
    show_default=True,
    help="How long the request stands: a number with s, m, h, d or w, up to 365d.",
)
@options.data_option
@options.json_option
def make(
    text: str,
    task: str,
    licence: str,
    base: str,
    evaluation: Path | None,
    metric: str | None,
    at_least: str | None,
    expires: float,
    data: Path | None,
    output: Output,
) -> None:
    """Ask everybody for the model that TEXT describes. For administrators.

    The request is signed, and listed on the hub's page for whoever reads it, peers among them. They answer with `tukar
    swap offer ... --request ID`; it is closed once such a swap is published here.

    \b
    Examples:
      tukar request make "A MiniLM tuned on Indonesian health questions" --licence apache-2.0
      tukar request make "The same, but better" --evaluation ./questions.jsonl --metric recall@1 --at-least 0.83
    """
    if len({evaluation is None, metric is None, at_least is None}) > 1:
        raise click.UsageError("--evaluation, --metric and --at-least go together")
    told = {"text": text, "task": task, "licence": licence, "base_model": base, "seconds": int(expires)}
    if evaluation is not None:
        told["evaluation"] = {"sha256": _sha256(evaluation, output), "metric": metric, "at_least": at_least}
    with exchange(data) as hub:
        made = hub.make_request(told)
    output.show(made, *request_view.everything(made))


@request.command("list")
@_peer_option
@click.option(
    "--all", "everything", is_flag=True, help="Also those that are closed, withdrawn or expired; of this hub."
)
@options.data_option
@options.json_option
def list_(peer: str | None, everything: bool, data: Path | None, output: Output) -> None:
    """List the open requests of this hub, or of a peer.

    \b
    Examples:
      tukar request list
      tukar request list --peer rumah
    """
    if peer is not None and everything:
        raise click.UsageError("--all is for this hub's own requests: a peer tells the open ones")
    with exchange(data) as hub:
        found = of_peer(hub.hub, peer) if peer is not None else hub.requests(everything=everything)
    output.show(found, request_view.table(found) if found else "no open requests")


@request.command()
@click.argument("request_id", metavar="ID")
@_peer_option
@options.data_option
@options.json_option
def show(request_id: str, peer: str | None, data: Path | None, output: Output) -> None:
    """Show all of the request ID. 6 digits and more of its beginning are enough.

    \b
    Examples:
      tukar request show 4f1c9e0b2d7a
      tukar request show 4f1c9e0b2d7a --peer rumah
    """
    with exchange(data) as hub:
        found = _found(hub, peer, request_id)
    output.show(found, *request_view.everything(found))


@request.command()
@click.argument("request_id", metavar="ID")
@options.data_option
@options.json_option
def withdraw(request_id: str, data: Path | None, output: Output) -> None:
    """Ask for the model of the request ID no more. For administrators.

    \b
    Example:
      tukar request withdraw 4f1c9e0b2d7a
    """
    with exchange(data) as hub:
        found = hub.withdraw_request(request_id)
    output.show(found, f"withdrew the request {found['id'][:12]}")


def _found(hub: Exchange, peer: str | None, request_id: str) -> Value:
    if peer is None:
        return hub.request(request_id)
    return request_view.the_one(of_peer(hub.hub, peer), request_id)


def _sha256(path: Path, output: Output) -> str:
    size = path.stat().st_size
    with output.progress("Read", size) as advance:
        return checksums.of_file(path, "sha256", size, advance).hex
