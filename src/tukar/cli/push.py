"""``tukar push``: publish a file or a folder."""

from __future__ import annotations

from pathlib import Path

import click

from tukar.cli import options, sources
from tukar.cli.output import Output
from tukar.cli.publishing import Message
from tukar.cli.pushing import publish
from tukar.exchange.endpoint import Endpoint
from tukar.exchange.http import Remote
from tukar.types import RepoType


@click.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.argument("repository")
@click.option("--path-in-repo", default="", metavar="PATH", help="Where to put it: a folder, or the name of a file.")
@click.option("--message", "-m", default="", help="The title of the commit.")
@click.option("--private", is_flag=True, help="If the repository is new, nobody else may see it.")
@options.include_option
@options.exclude_option
@options.type_option
@options.json_option
def push(
    source: Path,
    repository: str,
    path_in_repo: str,
    message: str,
    private: bool,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    kind: RepoType,
    output: Output,
) -> None:
    """Publish SOURCE, a file or a folder, in a commit to REPOSITORY, which is made if it is missing.

    What the repository has already is left out, and tensors that the hub has from you, or that you may read there, are
    not sent again: after an interruption, push again. Nothing is seen of a push before its commit, and files in the
    repository that are not in SOURCE stay. More than 1,000 small files, or 64 MB of them, take several commits.

    \b
    Examples:
      tukar push ./tiny acme/tiny
      tukar push ./tiny acme/tiny --private --message 'Train for longer' --exclude 'checkpoint-*'
      tukar push model.gguf acme/tiny --path-in-repo gguf/tiny-f16.gguf
    """
    repo = options.repo_id(repository, kind)
    files = sources.gather(source, path_in_repo.strip("/"), include, exclude)
    told = Message(message) if message else None
    with Remote(Endpoint.from_environment()) as remote:
        done = publish(remote, repo, files, told, private, output)
    output.show(done.value(), done.table(), done.summary(), done.url)
