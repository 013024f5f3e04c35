"""``tukar show``: one repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from tukar.cli import options
from tukar.cli.administration import Value, administration
from tukar.cli.output import Output, Table, counted, date_text, size_text
from tukar.types import RepoType

_COMMITS = 5


@click.command()
@click.argument("repository")
@click.option("--revision", default="main", show_default=True, help="A branch or a commit id.")
@options.type_option
@options.data_option
@options.json_option
def show(repository: str, revision: str, kind: RepoType, data: Path | None, output: Output) -> None:
    """Show what a repository holds: files and what storing them takes, parameters, licence, tags, last commits.

    "stored" is what is kept for this file alone, "shared" what other files use as well.

    \b
    Examples:
      tukar show acme/tiny
      tukar show acme/tiny --revision 4f1c9e0b2d7a --json
    """
    with administration(data) as hub:
        found = hub.repository(options.repo_id(repository, kind), revision, _COMMITS)
    output.show(found, *_facts(found), _files(found), _commits(found))


def _facts(found: Value) -> Iterator[str]:
    visibility = "private" if found["private"] else "public"
    yield f"{found['id']} ({visibility} {found['type']}) at {found['commit']}"
    if found["parameters"]:
        counted = ", ".join(f"{count:,} {dtype}" for dtype, count in found["parameters"].items())
        yield f"parameters: {sum(found['parameters'].values()):,} ({counted})"
    yield f"licence: {found['license'] or 'none declared'}"
    if found["tags"]:
        yield f"tags: {', '.join(found['tags'])}"


def _files(found: Value) -> Table:
    names = ("size", "stored_bytes", "shared_bytes")
    rows = [(file["path"], *(size_text(file[name]) for name in names)) for file in found["files"]]
    if len(rows) > 1:
        totals = (size_text(sum(file[name] for file in found["files"])) for name in names)
        rows.append((counted(len(rows), "file"), *totals))
    return Table(("file", ">size", ">stored", ">shared"), rows)


def _commits(found: Value) -> Table:
    rows = [(item["id"][:12], date_text(item["date"]), item["author"], item["title"]) for item in found["commits"]]
    return Table(("commit", "date", "author", "title"), rows)
