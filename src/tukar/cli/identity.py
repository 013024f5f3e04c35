"""``tukar identity``: the key by which other hubs know this one."""

from __future__ import annotations

from pathlib import Path

import click

from tukar.cli import options
from tukar.cli.administration import Value, administration
from tukar.cli.output import Output, counted, date_text


class _ShownByDefault(click.Group):
    """A group that does ``show`` where no other command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click, after putting in what goes without saying."""
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ShownByDefault)
def identity() -> None:
    """Show the hub's fingerprint, or give it a new key. For administrators."""


@identity.command()
@options.data_option
@options.json_option
def show(data: Path | None, output: Output) -> None:
    """Show the fingerprint of the hub's key, for the operators of other hubs to compare.

    \b
    Examples:
      tukar identity
      tukar identity show --data ./my-hub
    """
    with administration(data) as hub:
        found = hub.show_identity()
    output.show(found, found["fingerprint"], _history(found))


@identity.command()
@options.data_option
@options.json_option
def rotate(data: Path | None, output: Output) -> None:
    """Give the hub a new key. The one until now signs for it, so that peers can follow.

    What was signed with earlier keys stays valid.

    \b
    Examples:
      tukar identity rotate
      tukar identity rotate --data ./my-hub
    """
    with administration(data) as hub:
        found = hub.rotate_identity()
    output.show(found, found["fingerprint"], _history(found))
    output.note("peers follow by themselves, within a minute or so of the first request that they get or make")


def _history(found: Value) -> str:
    return f"since {date_text(found['since'])}; {counted(len(found['earlier']), 'earlier key')}"
