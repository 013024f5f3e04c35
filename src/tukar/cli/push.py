"""``tukar push``: publish a file or a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Final, Literal

import click

from tukar.cli import checksums, options, publishing, sources, tree, workers
from tukar.cli.endpoint import Endpoint
from tukar.cli.output import Output, Table, counted, size_text
from tukar.cli.publishing import Made, Wish
from tukar.cli.remote import Remote, web_path
from tukar.cli.sources import LocalFile
from tukar.cli.upload import LargeFile, upload
from tukar.cli.workers import Stopped
from tukar.types import RepoId, RepoType

_THREADS: Final = 4

State = Literal["sent", "avoided", "unchanged", "ignored"]


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a file: ``sent``, or ``avoided`` because the hub had its bytes, or ``unchanged`` there."""

    file: LocalFile
    state: State


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

    What the repository has already is left out, and bytes that the hub has from you, or that you may read there, are
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
    with Remote(Endpoint.from_environment()) as remote:
        for warning in publishing.check_card(remote, repo, files):
            output.note(f"{publishing.CARD}: {warning}")
        created = publishing.create(remote, repo, private=private)
        done, made = _push(remote, repo, files, message, output)
        commit = made[-1].commit if made else tree.resolve(remote, repo, publishing.BRANCH)
        _show(output, repo, f"{remote.endpoint.url}{web_path(repo)}", created, commit, made, done)


def _push(
    remote: Remote, repo: RepoId, files: Sequence[LocalFile], message: str, output: Output
) -> tuple[list[Pushed], list[Made]]:
    wishes = publishing.ask(remote, repo, files)
    ids = _ids(files, wishes, output)
    states: dict[str, State] = {file.path: "ignored" for file in files if wishes[file.path].mode == "ignored"}
    states |= {path: "unchanged" for path, id_ in ids.items() if id_ == wishes[path].present}
    changed = [file for file in files if file.path not in states]
    regular = [file for file in changed if wishes[file.path].mode == "regular"]
    large = [LargeFile(file, ids[file.path]) for file in changed if wishes[file.path].mode == "lfs"]
    sent = upload(remote, repo, large, output)
    states |= {item.file.path: "sent" if item.sha256 in sent else "avoided" for item in large}
    title = message or f"Push {counted(len(changed), 'file')}"
    made = publishing.commit(remote, repo, title, regular, large) if changed else []
    return [Pushed(file, states.get(file.path, "sent")) for file in files], made


def _ids(files: Sequence[LocalFile], wishes: dict[str, Wish], output: Output) -> dict[str, str]:
    """By path, the id of each file that is not ignored: of the kind that the hub goes by."""
    ids: dict[str, str] = {}
    hashed = [file for file in files if wishes[file.path].mode != "ignored"]
    with output.progress("Reading", sum(file.size for file in hashed)) as advance:

        @contextmanager
        def worker(stop: Event) -> Iterator[Callable[[LocalFile], None]]:
            def count(size: int) -> None:
                advance(size)
                if stop.is_set():
                    raise Stopped

            def compute(file: LocalFile) -> None:
                algorithm: checksums.Algorithm = "sha256" if wishes[file.path].mode == "lfs" else "git-blob"
                ids[file.path] = checksums.of_file(file.source, algorithm, file.size, count).hex

            yield compute

        workers.each(hashed, _THREADS, worker)
    return ids


def _show(
    output: Output, repo: RepoId, url: str, created: bool, commit: str, made: Sequence[Made], done: Sequence[Pushed]
) -> None:
    sizes = {state: sum(item.file.size for item in done if item.state == state) for state in ("sent", "avoided")}
    value: dict[str, Any] = {
        "repository": str(repo),
        "type": repo.type,
        "url": url,
        "created": created,
        "commit": commit,
        "commits": [item.commit for item in made],
        "sent_bytes": sizes["sent"],
        "avoided_bytes": sizes["avoided"],
        "files": [{"path": item.file.path, "size": item.file.size, "state": item.state} for item in done],
    }
    rows = [(item.file.path, size_text(item.file.size), item.state) for item in done]
    told = f"sent {size_text(sizes['sent'])}, avoided {size_text(sizes['avoided'])}" if made else "nothing has changed"
    output.show(value, Table(("file", ">size", "state"), rows), f"{told}; commit {commit[:12]}", url)
