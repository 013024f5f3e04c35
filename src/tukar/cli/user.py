"""``tukar user``: who may use the hub."""

from __future__ import annotations

from pathlib import Path

import click

from tukar.cli import options
from tukar.cli.administration import administration
from tukar.cli.output import Output, Table, date_text


@click.group()
def user() -> None:
    """Add, list and remove users. For administrators."""


@user.command()
@click.argument("name")
@click.option("--admin", is_flag=True, help="They may administer the hub, too.")
@options.data_option
@options.json_option
def add(name: str, admin: bool, data: Path | None, output: Output) -> None:
    """Add the user NAME; then give them a token with `tukar token create`.

    \b
    Examples:
      tukar user add ana
      tukar user add ana --data ./my-hub
    """
    with administration(data) as hub:
        added = hub.add_user(name, is_admin=admin)
    output.show(added, f"added {added['name']}; give them a token: tukar token create {added['name']}")


@user.command("list")
@options.data_option
@options.json_option
def list_(data: Path | None, output: Output) -> None:
    """List all users.

    \b
    Example:
      tukar user list
    """
    with administration(data) as hub:
        found = hub.users()
    rows = [(u["name"], u["kind"], "yes" if u["admin"] else "", date_text(u["created"])) for u in found]
    output.show(found, Table(("name", "kind", "administrator", "since"), rows))


@user.command()
@click.argument("name")
@options.data_option
@options.json_option
def remove(name: str, data: Path | None, output: Output) -> None:
    """Remove the user NAME, and make all of their tokens worthless.

    Whoever owns repositories is not removed before these are deleted, and the administrator `admin` never is. The name
    is free again, and the next to have it inherits nothing.

    \b
    Examples:
      tukar user remove ana
      tukar user remove ana --data ./my-hub
    """
    with administration(data) as hub:
        hub.remove_user(name)
    output.show({"name": name, "removed": True}, f"removed {name}, and all of their tokens")
