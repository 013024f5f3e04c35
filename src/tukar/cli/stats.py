"""``tukar stats``: what the hub holds."""

from __future__ import annotations

from pathlib import Path

import click

from tukar.cli import options
from tukar.cli.administration import administration
from tukar.cli.output import Output, Table, size_text


@click.command()
@options.data_option
@options.json_option
def stats(data: Path | None, output: Output) -> None:
    """Show how much the hub holds, and what it takes to store it. For administrators.

    \b
    Examples:
      tukar stats
      tukar stats --json --data ./my-hub
    """
    with administration(data) as hub:
        found = hub.stats()
    rows = [
        ("files", str(found["files"])),
        ("their size, as they were pushed", size_text(found["raw_bytes"])),
        ("distinct objects (tensors and the like)", str(found["objects"])),
        ("their size, as they are stored", size_text(found["object_bytes"])),
        ("taken from the storage", size_text(found["stored_bytes"])),
    ]
    output.show(found, Table(("", ">"), rows))
