"""``tukar ls``: which repositories there are."""

from __future__ import annotations

from pathlib import Path

import click

from tukar.cli import options
from tukar.cli.administration import Value, administration
from tukar.cli.output import Output, Table, date_text
from tukar.types import REPO_TYPES, RepoType


@click.command()
@click.argument("search", required=False)
@click.option("--type", "kind", type=click.Choice(REPO_TYPES), help="Only models, datasets or spaces.")
@options.data_option
@options.json_option
def ls(search: str | None, kind: RepoType | None, data: Path | None, output: Output) -> None:
    """List the repositories that you may read, the last changed first.

    SEARCH is a namespace with a slash at its end, or any part of a name.

    \b
    Examples:
      tukar ls
      tukar ls acme/
      tukar ls tiny --type model --json
    """
    with administration(data) as hub:
        found = [repo for each in ([kind] if kind else REPO_TYPES) for repo in hub.repositories(each, search)]
    if search and search.endswith("/"):
        found = [repo for repo in found if repo["id"].lower().startswith(search.lower())]
    output.show(
        found, Table(("repository", "type", "visibility", "licence", "changed"), [_row(repo) for repo in found])
    )


def _row(repo: Value) -> tuple[str, ...]:
    visibility = "private" if repo["private"] else "public"
    return repo["id"], repo["type"], visibility, repo["license"] or "", date_text(repo["updated"])
