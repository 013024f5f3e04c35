"""``tukar peer``: the hubs that this one exchanges models with."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tukar.cli import options
from tukar.cli.administration import Administration, Value, administration
from tukar.cli.output import Output, Table, date_text
from tukar.errors import Refused


@click.group()
def peer() -> None:
    """Add, list, revoke and remove other hubs. For administrators."""


@peer.command()
@click.argument("url")
@click.option("--name", help="What to call it here; by default the host in URL.")
@click.option(
    "--fingerprint", metavar="F", help="The fingerprint that its operator told you; nothing else is trusted then."
)
@click.option("--yes", is_flag=True, help="Trust the key that it shows, without asking. For hubs of your own.")
@options.data_option
@options.json_option
def add(url: str, name: str | None, fingerprint: str | None, yes: bool, data: Path | None, output: Output) -> None:
    """Trust the hub at URL, after comparing its fingerprint with the one that its operator told you.

    Its operator sees it with `tukar identity`. Without --fingerprint it is shown here, and you are asked.

    \b
    Examples:
      tukar peer add https://hub.example.org
      tukar peer add http://10.0.0.7:8080 --name acme --fingerprint 3f2a-...
    """
    if fingerprint is None and not yes and (output.as_json or not sys.stdin.isatty()):
        raise click.UsageError("--fingerprint is needed where nobody can be asked to compare it")
    with administration(data) as hub:
        added = hub.add_peer(url, fingerprint or _compared(hub, url, yes, output), name)
    output.show(added, f"added {added['name']}, with the key {added['fingerprint']}")


def _compared(hub: Administration, url: str, yes: bool, output: Output) -> str:
    """The fingerprint of the hub at ``url``, if whoever runs the command says that it is right; Refused otherwise."""
    shown = str(hub.look_at_peer(url)["fingerprint"])
    output.note(f"the hub at {url} shows the key")
    output.note(f"  {shown}")
    if not yes and not click.confirm("Is that what its operator told you, some other way?", err=True):
        raise Refused("not trusted: no peer was added", hint="ask its operator for the fingerprint: `tukar identity`")
    return shown


@peer.command("list")
@options.data_option
@options.json_option
def list_(data: Path | None, output: Output) -> None:
    """List all peers.

    \b
    Example:
      tukar peer list
    """
    with administration(data) as hub:
        found = hub.peers()
    rows = [(p["name"], p["url"], p["state"], p["fingerprint"], date_text(p["added"])) for p in found]
    output.show(found, Table(("name", "address", "state", "fingerprint", "since"), rows))


@peer.command()
@click.argument("name")
@options.data_option
@options.json_option
def refresh(name: str, data: Path | None, output: Output) -> None:
    """Follow the peer NAME to its newest key, if the one that is known leads to it.

    \b
    Example:
      tukar peer refresh acme
    """
    with administration(data) as hub:
        found = hub.refresh_peer(name)
    output.show(found, f"{found['name']} has the key {found['fingerprint']}")


@peer.command()
@click.argument("name")
@options.data_option
@options.json_option
def revoke(name: str, data: Path | None, output: Output) -> None:
    """Give the peer NAME nothing more, and cancel the swaps with it that can be cancelled.

    \b
    Example:
      tukar peer revoke acme
    """
    with administration(data) as hub:
        found = hub.revoke_peer(name)
    output.show(found, f"revoked {_named(found)}")


@peer.command()
@click.argument("name")
@options.data_option
@options.json_option
def remove(name: str, data: Path | None, output: Output) -> None:
    """Forget the peer NAME. Refused while a swap with it is open; receipts stay.

    \b
    Example:
      tukar peer remove acme
    """
    with administration(data) as hub:
        hub.remove_peer(name)
    output.show({"name": name, "removed": True}, f"removed {name}")


def _named(found: Value) -> str:
    return f"{found['name']} ({found['fingerprint']})"
