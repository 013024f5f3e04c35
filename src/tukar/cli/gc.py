"""``tukar gc``: free what nothing needs."""

from __future__ import annotations

from pathlib import Path

import click

from tukar.cli import options
from tukar.cli.administration import administration
from tukar.cli.output import Output, counted, size_text


@click.command()
@click.option(
    "--grace", type=options.Duration(), help="For how long what nothing needs is kept; by default as the hub is set."
)
@click.option(
    "--uploads",
    type=options.Duration(),
    help="For how long uploads are kept for their commit; by default as it is set.",
)
@options.data_option
@options.json_option
def gc(grace: float | None, uploads: float | None, data: Path | None, output: Output) -> None:
    """Free what no repository needs. For administrators.

    What is found to be unneeded is condemned, waits for the grace period, and is freed by a later run; with --grace 0,
    at once. The hub does this by itself once a day.

    \b
    Examples:
      tukar gc
      tukar gc --grace 0
      tukar gc --grace 14d --uploads 36h --data ./my-hub
    """
    with administration(data) as hub, output.meter("Gc") as meter:
        found = hub.collect(grace, uploads, meter)
    freed = f"{counted(found['freed_files'], 'file')}, {counted(found['freed_objects'], 'object')}"
    output.show(
        found,
        f"freed {freed}, {size_text(found['freed_bytes'])}",
        f"condemned {counted(found['condemned_files'], 'file')} in this run; "
        f"waiting for their grace period to end: {found['waiting_files']}",
    )
