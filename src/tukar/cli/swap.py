"""``tukar swap``: give another hub models, and get others for them; both or neither."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from tukar.cli import options, request_view, swap_view
from tukar.cli.administration import Value
from tukar.cli.exchanging import Exchange, Place, exchange
from tukar.cli.failures import FAILED
from tukar.cli.output import Output
from tukar.cli.peer_requests import of_peer
from tukar.cli.waiting import wait
from tukar.errors import Invalid
from tukar.types import RepoId, RepoType

_ID: Final = 64  # digits
_DOWN: Final = "the other hub is told once this one runs"

_into_option = click.option(
    "--into",
    multiple=True,
    metavar="THEIRS=OURS",
    help="Publish their repository THEIRS as OURS here, instead of by its own name in your namespace. May be repeated.",
)
_private_option = click.option("--private", is_flag=True, help="Publish what comes as private repositories.")
_give_private_option = click.option(
    "--give-private",
    is_flag=True,
    help="Give what is private here, too: the other hub alone decides who may read it there.",
)
_reason_option = click.option("--reason", default="", metavar="TEXT", help="A word to the other operator.")
_wait_option = click.option("--wait", is_flag=True, help="Wait until the swap has ended. Ctrl-C leaves it going on.")


@click.group()
def swap() -> None:
    """Swap models with other hubs: both get what they were to get, or neither does. For administrators."""


@swap.command()
@click.argument("peer")
@click.option("--give", multiple=True, metavar="OURS[@REV]", help="Hand over this revision. May be repeated.")
@click.option("--take", multiple=True, metavar="THEIRS[@REV]", help="Ask for this revision. May be repeated.")
@_into_option
@_private_option
@_give_private_option
@click.option("--note", default="", metavar="TEXT", help="A word to the other operator. The receipt will have it too.")
@click.option(
    "--expires",
    type=options.Duration("7d", zero=False),
    default="7d",
    show_default=True,
    help="How long the offer stands: a number with s, m, h, d or w, up to 365d.",
)
@click.option("--request", default="", metavar="ID", help="The request that this answers.")
@options.type_option
@options.json_option
def offer(
    peer: str,
    give: tuple[str, ...],
    take: tuple[str, ...],
    into: tuple[str, ...],
    private: bool,
    give_private: bool,
    note: str,
    expires: float,
    request: str,
    kind: RepoType,
    output: Output,
) -> None:
    """Offer the hub PEER a swap; without --take it is a gift, without --give you ask for one.

    A revision is a branch or a commit id, main where none is named. What you give can be fetched from here only once
    PEER has accepted, and is published there only if what you take is published here. This hub has to be running, for
    it speaks to the other.

    \b
    Examples:
      tukar swap offer rumah --give admin/base --take acme/child@v2
      tukar swap offer rumah --give admin/base --note "With thanks for the data."
      tukar swap offer rumah --take acme/child --into acme/child=admin/their-child --private
    """
    asked: dict[str, Any] = {
        "peer": peer,
        "give": [_reference(text, kind) for text in give],
        "take": [_reference(text, kind) for text in take],
        "into": [place.value() for place in _places(into, kind)],
        "private": private,
        "give_private": give_private,
        "note": note,
        "seconds": int(expires),
    }
    with exchange() as hub:
        made = hub.offer(asked | {"request": _request_id(hub, peer, request)})
    told = f"offered {made['peer']} the swap {made['id'][:12]}; it stands until {swap_view.until(made)}"
    checked = [swap_view.unchecked(made)] if take else []
    output.show(made, told, *swap_view.told(made), *checked, f"how it stands: tukar swap status {made['id'][:12]}")


@swap.command()
@options.data_option
@options.json_option
def inbox(data: Path | None, output: Output) -> None:
    """List the offers of other hubs that wait for your decision: what you would get, what you would give.

    \b
    Example:
      tukar swap inbox
    """
    with exchange(data) as hub:
        everything = hub.swaps()
        found = [hub.swap(each["id"]) for each in everything if swap_view.waits_for_us(each)]
        asked = {each["id"]: each["text"] for each in hub.requests(everything=True)} if found else {}
        blocks = [block for each in found for block in swap_view.waiting(each, hub.hub, asked)]
    gone = swap_view.expired(everything, datetime.now(UTC))
    output.show(found, *(blocks or ["no offer waits for your decision"]), *gone)


@swap.command()
@click.argument("swap_id", metavar="ID")
@_into_option
@_private_option
@_give_private_option
@_wait_option
@options.json_option
@click.pass_context
def accept(
    ctx: click.Context,
    swap_id: str,
    into: tuple[str, ...],
    private: bool,
    give_private: bool,
    wait: bool,
    output: Output,
) -> None:
    """Accept the offer ID: hand over what it asks for, and publish what it gives, both or neither.

    From then on the other hub can fetch what it asks for. What comes here is verified first, and published, by its own
    name in your namespace where --into does not say otherwise, once both hubs have everything and have signed for it.
    Until this hub has signed you can cancel. It has to be running, for it speaks to the other.

    \b
    Examples:
      tukar swap accept 4f1c9e0b2d7a
      tukar swap accept 4f1c9e0b2d7a --into acme/base=admin/their-base --private --wait
    """
    with exchange() as hub:
        offered = hub.swap(swap_id)
        kinds: dict[str, RepoType] = {item["repository"]: item["type"] for item in offered["give"]}
        places = [_place(text, kinds.get(text.partition("=")[0], "model")) for text in into]
        accepted = hub.accept(offered["id"], places, private=private, give_private=give_private)
        _end(ctx, hub, accepted, output, waits=wait)


@swap.command()
@click.argument("swap_id", metavar="ID")
@_reason_option
@options.data_option
@options.json_option
def refuse(swap_id: str, reason: str, data: Path | None, output: Output) -> None:
    """Refuse the offer ID: nothing is handed over.

    \b
    Example:
      tukar swap refuse 4f1c9e0b2d7a --reason "The licence does not allow it."
    """
    with exchange(data) as hub:
        _told(hub.refuse(swap_id, reason), data, output)


@swap.command()
@click.argument("swap_id", metavar="ID")
@_reason_option
@options.data_option
@options.json_option
def cancel(swap_id: str, reason: str, data: Path | None, output: Output) -> None:
    """Cancel the swap ID: nothing is published here or there, and what had arrived is removed.

    Who made the offer can until the swap is published; who accepted it, until their hub has signed for what it got.

    \b
    Example:
      tukar swap cancel 4f1c9e0b2d7a
    """
    with exchange(data) as hub:
        _told(hub.cancel(swap_id, reason), data, output)


@swap.command()
@click.argument("swap_id", metavar="[ID]", required=False)
@_wait_option
@options.data_option
@options.json_option
@click.pass_context
def status(ctx: click.Context, swap_id: str | None, wait: bool, data: Path | None, output: Output) -> None:
    """Say how all swaps stand, a line each; with an ID, or 6 digits and more of its beginning, all about one.

    \b
    Examples:
      tukar swap status
      tukar swap status 4f1c9e0b2d7a
      tukar swap status 4f1c9e0b2d7a --wait
    """
    if wait and swap_id is None:
        raise click.UsageError("--wait needs the ID of a swap")
    if wait and data is not None:
        raise click.UsageError("--wait needs a running hub: nothing goes on while it is down")
    with exchange(data) as hub:
        if swap_id is None:
            found = hub.swaps()
            output.show(found, swap_view.table(found) if found else "no swaps yet")
        else:
            _end(ctx, hub, hub.swap(swap_id), output, waits=wait)


def _end(ctx: click.Context, hub: Exchange, found: Value, output: Output, *, waits: bool) -> None:
    """Show a swap, once it has ended if that is waited for; to end in another way than published is to fail."""
    ended = wait(hub, found, output) if waits else found
    output.show(ended, *swap_view.everything(ended))
    if waits and ended["state"] != "published":
        ctx.exit(FAILED)


def _told(found: Value, data: Path | None, output: Output) -> None:
    output.show(found, found["says"])
    if data is not None:
        output.note(_DOWN)


def _request_id(hub: Exchange, peer: str, text: str) -> str:
    """The whole id of a request of the peer, or of this hub, of which the beginning is given."""
    if len(text) in (0, _ID):
        return text
    known = {each["id"]: each for each in (*of_peer(hub.hub, peer), *hub.requests(everything=False))}
    return str(request_view.the_one(list(known.values()), text)["id"])


def _reference(text: str, kind: RepoType) -> dict[str, str]:
    name, at, revision = text.partition("@")
    if at and not revision:
        raise Invalid(f"no revision after the @ in {text[:200]!r}", hint="write NAMESPACE/NAME@REVISION")
    repo = options.repo_id(name, kind)
    return {"type": repo.type, "repository": str(repo), "revision": revision or "main"}


def _places(texts: tuple[str, ...], kind: RepoType) -> list[Place]:
    return [_place(text, kind) for text in texts]


def _place(text: str, kind: RepoType) -> Place:
    theirs, equals, ours = text.partition("=")
    if not equals:
        raise Invalid(f"not a place to publish: {text[:200]!r}", hint="write --into THEIRS=OURS")
    return Place(_named(theirs, kind), _named(ours, kind))


def _named(text: str, kind: RepoType) -> RepoId:
    return options.repo_id(text, kind)
