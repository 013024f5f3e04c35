"""``tukar serve``: run a hub."""

from __future__ import annotations

from pathlib import Path

import click
import uvicorn

from tukar import config
from tukar.hub import open_hub
from tukar.server.app import build_app


@click.command()
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="The folder that holds everything.")
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=int, help="The port to listen on.")
def serve(data: Path | None, host: str | None, port: int | None) -> None:
    """Run a hub until Ctrl-C."""
    settings = config.load({"data": data, "host": host, "port": port})
    with open_hub(settings) as hub:
        if hub.new_admin_token:
            click.echo(
                f"The administrator is 'admin'; the token, shown only this once: {hub.new_admin_token}", err=True
            )
        with hub.runner:
            uvicorn.run(build_app(hub), host=settings.host, port=settings.port, log_level=settings.log_level)
