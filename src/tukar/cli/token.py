"""``tukar token``: what users show to say who they are."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from tukar.cli import options
from tukar.cli.administration import Role, administration
from tukar.cli.output import Output, Table, date_text


@click.group()
def token() -> None:
    """Make, list and revoke tokens: one's own, or anybody's for administrators."""


@token.command()
@click.argument("user")
@click.option("--role", type=click.Choice(["read", "write"]), default="read", show_default=True, help="What it allows.")
@click.option("--name", metavar="LABEL", help="What to know it by; made up where it is not given.")
@options.data_option
@options.json_option
def create(user: str, role: Role, name: str | None, data: Path | None, output: Output) -> None:
    """Make a token for USER and print it, this once.

    \b
    Examples:
      tukar token create ana --role write --name laptop
      HF_TOKEN=$(tukar token create ana) hf download acme/tiny
    """
    label = name or f"{role}-{secrets.token_hex(3)}"
    with administration(data) as hub:
        made = hub.add_token(user, label, role)
    output.note(f"token {label!r} of {user}, to {role}; shown only this once:")
    output.show(made, made["token"])


@token.command("list")
@click.argument("user")
@options.data_option
@options.json_option
def list_(user: str, data: Path | None, output: Output) -> None:
    """List the tokens of USER; the secrets themselves are not kept.

    \b
    Example:
      tukar token list ana
    """
    with administration(data) as hub:
        found = hub.tokens(user)
    rows = [(t["name"], t["role"], t["hint"] and f"…{t['hint']}", date_text(t["created"])) for t in found]
    output.show(found, Table(("name", "role", "ends in", "since"), rows))


@token.command()
@click.argument("user")
@click.argument("name")
@options.data_option
@options.json_option
def revoke(user: str, name: str, data: Path | None, output: Output) -> None:
    """Make the token NAME of USER worthless.

    \b
    Example:
      tukar token revoke ana laptop
    """
    with administration(data) as hub:
        hub.revoke_token(user, name)
    output.show({"user": user, "name": name, "revoked": True}, f"revoked the token {name!r} of {user}")
