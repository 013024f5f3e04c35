"""``tukar import``: bring a repository from another hub into one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any, Final

import click

from tukar.cli import options, publishing, staging, workers
from tukar.cli.output import Output, size_text
from tukar.cli.publishing import Message
from tukar.cli.pushing import Published, Pushed, publish
from tukar.cli.sending import Sent
from tukar.cli.staging import Staging
from tukar.config import cache_folder
from tukar.errors import Invalid
from tukar.exchange import huggingface, tree
from tukar.exchange.endpoint import Endpoint
from tukar.exchange.http import Remote, web_path
from tukar.exchange.huggingface import Revision, StockHub
from tukar.exchange.tree import RemoteFile
from tukar.types import RepoId, RepoType

_THREADS: Final = 4


@click.command("import")
@click.argument("repository")
@click.option(
    "--from", "source", default=huggingface.DEFAULT, show_default=True, metavar="URL", help="The hub that has it."
)
@click.option(
    "--from-token-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="A file with the token to show that hub; HF_TOKEN is for your own.",
)
@click.option("--revision", default="main", show_default=True, help="A branch, a tag or a commit id, at that hub.")
@click.option("--to", metavar="REPOSITORY", help="What to call it at your hub; by default as it is called there.")
@click.option("--private", is_flag=True, help="If the repository is new, nobody else may see it.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where files stay until they are published; by default ~/.cache/tukar/imports.",
)
@options.include_option
@options.exclude_option
@options.type_option
@options.json_option
def import_(
    repository: str,
    source: str,
    from_token_file: Path | None,
    revision: str,
    to: str | None,
    private: bool,
    cache: Path | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    kind: RepoType,
    output: Output,
) -> None:
    """Bring REPOSITORY from another hub, of any Hugging Face-compatible kind, into your own.

    One revision is fetched, compared with what that hub lists, and published in a commit that says where it is from.
    Whole files come from there; to your hub go only the tensors that it lacks. What was interrupted goes on where it
    stopped. Files that are the same at your hub do not come again, and those that it has besides stay.

    \b
    Examples:
      tukar import sentence-transformers/all-MiniLM-L6-v2
      tukar import acme/tiny --revision v1.0 --to ana/tiny --private --from-token-file ~/acme-token
      tukar import acme/tiny --from https://hub.example.org --include '*.safetensors' --include '*.json'
    """
    repo = options.repo_id(repository, kind, "--from ")
    target = options.repo_id(to, kind) if to else repo
    home, away = Endpoint.from_environment(), Endpoint.named(source, "--from", from_token_file)
    _check_tokens(home, away)
    with Remote(home) as remote:
        here = _present(remote, target, private)
        hub = StockHub(away)
        found = hub.look_up(repo, revision)
        wanted = _wanted(found, include, exclude)
        missing = [file for file in wanted if here.get(file.path) != file]
        with staging.opened(cache or cache_folder() / "imports", away.url, repo) as stage:
            fetched = _fetch(hub, found, missing, stage, output)
            done = _publish(remote, target, found, missing, stage, private, output)
        same = [Pushed(stage.local(file), "unchanged") for file in wanted if here.get(file.path) == file]
    done = replace(done, files=sorted([*done.files, *same], key=lambda each: each.file.path))
    _show(output, found, away, fetched, done)


def _check_tokens(home: Endpoint, away: Endpoint) -> None:
    """Invalid if the two hubs would be shown the same token: one of them would get what is the other's."""
    if away.token and away.token == home.token and not home.is_at(away.url):
        raise Invalid(
            f"{away.token_from} has the very token that {home.url} is shown (from {home.token_from})",
            hint="put the token of your own hub into HF_TOKEN, and that of the other into --from-token-file",
        )


def _present(remote: Remote, target: RepoId, private: bool) -> Mapping[str, RemoteFile]:
    """By path, what the repository has; Refused if it could not be published to."""
    if not publishing.exists(remote, target, private=private):
        publishing.check_may_create(remote, target)
        return {}
    publishing.check_may_write(remote, target)
    commit = tree.resolve(remote, target, publishing.BRANCH)
    return {file.path: file for file in tree.files(remote, target, commit)}


def _wanted(found: Revision, include: tuple[str, ...], exclude: tuple[str, ...]) -> list[RemoteFile]:
    if not found.files:
        raise Invalid(f"there are no files in {found.repo} at {found.commit[:12]}")
    picked = set(options.chosen([file.path for file in found.files], include, exclude))
    wanted = [file for file in found.files if file.path in picked]
    huggingface.check_chosen(wanted)
    return wanted


def _fetch(hub: StockHub, found: Revision, missing: Sequence[RemoteFile], stage: Staging, output: Output) -> int:
    """Bring what is missing here; returns the bytes of the files that came in this run."""
    tree.check_together([file.path for file in missing], case_sensitive=stage.is_case_sensitive)
    if not missing:
        return 0
    stage.check_room(missing)
    output.note(f"{found.repo} at {found.commit[:12]} comes to {stage.files}, until it is published")
    came: list[int] = []

    @contextmanager
    def worker(_: Event) -> Iterator[Callable[[RemoteFile], None]]:
        def fetch(file: RemoteFile) -> None:
            if hub.fetch(found, file, stage.files):
                came.append(file.size)

        yield fetch

    with output.meter("Fetching") as meter:
        meter.total(sum(file.size for file in missing))
        with stage.measured(meter):
            workers.each(sorted(missing, key=lambda file: -file.size), _THREADS, worker)
    return sum(came)


def _publish(
    remote: Remote,
    target: RepoId,
    found: Revision,
    missing: Sequence[RemoteFile],
    stage: Staging,
    private: bool,
    output: Output,
) -> Published:
    if not missing:
        commit = tree.resolve(remote, target, publishing.BRANCH)
        return Published(target, f"{remote.endpoint.url}{web_path(target)}", False, commit, (), (), Sent())
    files = [stage.local(file) for file in missing]
    message = Message(f"Import {found.repo} at {found.commit[:12]}", f"From {found.page}")
    return publish(remote, target, files, message, private, output)


def _show(output: Output, found: Revision, away: Endpoint, fetched: int, done: Published) -> None:
    source = {"hub": away.url, "repository": str(found.repo), "commit": found.commit, "url": found.page}
    value: dict[str, Any] = {**done.value(), "source": source, "fetched_bytes": fetched}
    told = f"{found.repo} at {found.commit[:12]}: fetched {size_text(fetched)} from {away.url}"
    output.show(value, done.table(), told, done.summary(), done.url)
