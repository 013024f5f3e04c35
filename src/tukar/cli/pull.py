"""``tukar pull``: fetch a repository, verified, and never leave half of it looking whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, Final
from urllib.parse import quote

import click

from tukar.cli import folder as folders
from tukar.cli import options, tree, workers
from tukar.cli.download import Download
from tukar.cli.folder import Folder, Missing
from tukar.cli.marker import Marker
from tukar.cli.output import Output, Table, counted, size_text
from tukar.cli.tree import RemoteFile
from tukar.errors import Conflict, Unavailable
from tukar.exchange.endpoint import Endpoint
from tukar.exchange.http import Remote, web_path
from tukar.exchange.receiving import Receiver
from tukar.types import RepoId, RepoType

_THREADS: Final = 4
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pull has to do.

    Attributes:
        wanted: the files of the new snapshot.
        missing: those of them that are not here.
        going: paths of what Tukar put here and the revision has no more.
        changed: paths of the same that were changed here since, and so stay.
        foreign: paths of missing files that Tukar did not write here, or that were changed: they are replaced.
    """

    wanted: Sequence[RemoteFile]
    missing: Sequence[RemoteFile]
    going: Sequence[str]
    changed: Sequence[str]
    foreign: Sequence[str]


@click.command()
@click.argument("repository")
@click.option("--revision", default="main", show_default=True, help="A branch or a commit id.")
@click.option(
    "--to", type=click.Path(path_type=Path), metavar="DIR", help="The folder; by default the name's last part."
)
@options.include_option
@options.exclude_option
@click.option(
    "--force", is_flag=True, help="Replace files in the folder that Tukar did not write, or that were changed."
)
@options.type_option
@options.json_option
def pull(
    repository: str,
    revision: str,
    to: Path | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    force: bool,
    kind: RepoType,
    output: Output,
) -> None:
    """Fetch a repository into a folder, and verify every byte.

    What was interrupted goes on where it stopped. Files get their place only after all of them are verified; the folder
    is a whole snapshot once it has .tukar/snapshot.json. Pulling again brings the folder to the newest revision.

    \b
    Examples:
      tukar pull acme/tiny
      tukar pull acme/tiny --to models/tiny --include '*.safetensors' --include '*.json'
      tukar pull acme/tiny --revision 4f1c9e0b2d7a
    """
    repo, endpoint = options.repo_id(repository, kind), Endpoint.from_environment()
    with Remote(endpoint) as remote:
        commit = tree.resolve(remote, repo, revision)
        listed = tree.files(remote, repo, commit)
    picked = set(options.chosen([file.path for file in listed], include, exclude))
    target = to or Path(repo.name)
    with folders.opened(target) as folder:
        plan = _plan(folder, repo, listed, picked, force, output)
        missing = folder.missing(plan.missing)
        received = _fetch(endpoint, repo, commit, folder, missing, output)
        snapshot = Marker(endpoint.url, repo, revision, commit, tuple(plan.wanted))
        folder.place(snapshot, missing, plan.going)
    _show(output, snapshot, target, plan, received)


def _plan(
    folder: Folder, repo: RepoId, listed: Sequence[RemoteFile], picked: set[str], force: bool, output: Output
) -> Plan:
    if folder.holds and folder.holds.repo != repo and not force:
        raise Conflict(
            f"{folder.root} holds a snapshot of {folder.holds.repo}", hint="pull into another folder, or use --force"
        )
    # What the folder has already comes along, so that all of it is of one commit.
    wanted = [file for file in listed if file.path in picked or file.path in folder.known]
    tree.check_together([file.path for file in wanted], case_sensitive=folder.is_case_sensitive)
    gone = sorted(folder.known.keys() - {file.path for file in listed})
    going = [path for path in gone if folder.wrote(path)]
    folder.check_ways([file.path for file in wanted], set(going))
    missing = _missing(folder, wanted, output)
    foreign = [file.path for file in missing if folder.is_taken(file.path) and not folder.wrote(file.path)]
    if foreign and not force:
        raise Conflict(
            f"{folder.root} has files that Tukar did not write, or that were changed: {_some(foreign)}",
            hint="move them away, pull into another folder, or replace them with --force",
        )
    changed = [path for path in gone if path not in going and folder.is_taken(path)]
    return Plan(wanted, missing, going, changed, foreign)


def _missing(folder: Folder, wanted: Sequence[RemoteFile], output: Output) -> list[RemoteFile]:
    """Those of the files that are not here with the very bytes."""
    likely = [file for file in wanted if folder.size(file.path) == file.size]
    here: set[str] = set()
    with output.progress("Comparing", sum(file.size for file in likely)) as advance:

        def compare(file: RemoteFile) -> None:
            if folder.has(file):
                here.add(file.path)
            advance(file.size)

        @contextmanager
        def worker(_: Event) -> Iterator[Callable[[RemoteFile], None]]:
            yield compare

        workers.each(likely, _THREADS, worker)
    return [file for file in wanted if file.path not in here]


def _fetch(
    endpoint: Endpoint, repo: RepoId, commit: str, folder: Folder, missing: Sequence[Missing], output: Output
) -> int:
    """Step 2: every file that is missing, in several threads; the largest first. Returns the bytes that came."""
    needed = [item for item in missing if not item.is_here()]
    to_come = sum(item.to_come() for item in needed)
    if to_come > folder.free_bytes():
        raise Unavailable(
            f"{size_text(to_come)} are to come, and {folder.root} has room for {size_text(folder.free_bytes())}",
            hint="make room, or pull into a folder on another disk",
        )
    downloads: list[Download] = []
    with output.progress("Fetching", sum(item.file.size for item in needed)) as advance:

        @contextmanager
        def worker(stop: Event) -> Iterator[Callable[[Missing], None]]:
            with Receiver(endpoint) as receiver:
                download = Download(receiver, advance, stop)
                downloads.append(download)
                base = f"{web_path(repo)}/resolve/{commit}"
                yield lambda item: download.fetch(f"{base}/{quote(item.file.path)}", item.file, item.incoming)

        workers.each(sorted(needed, key=lambda item: -item.file.size), _THREADS, worker)
    return sum(download.received for download in downloads)


def _some(paths: Sequence[str]) -> str:
    more = f", and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(map(repr, paths[:_SHOWN])) + more


def _show(output: Output, snapshot: Marker, target: Path, plan: Plan, received: int) -> None:
    fetched = {file.path for file in plan.missing}
    value: dict[str, Any] = {
        "repository": str(snapshot.repo),
        "type": snapshot.repo.type,
        "revision": snapshot.revision,
        "commit": snapshot.commit,
        "folder": str(target.absolute()),
        "fetched_bytes": received,
        "files": [
            {
                "path": file.path,
                "size": file.size,
                "checksum": str(file.checksum),
                "state": "fetched" if file.path in fetched else "present",
            }
            for file in plan.wanted
        ],
        "removed": list(plan.going),
        "replaced": list(plan.foreign),
    }
    rows = [(item["path"], size_text(item["size"]), item["state"]) for item in value["files"]]
    for path in plan.changed:
        output.note(f"{path} is no longer in the repository; it was changed here, and so it stays")
    if plan.going:
        output.note(f"removed {counted(len(plan.going), 'file')} that the revision does not have: {_some(plan.going)}")
    if plan.foreign:
        told = f"replaced {counted(len(plan.foreign), 'file')} that Tukar did not write, or that changed here"
        output.note(f"{told}: {_some(plan.foreign)}")
    summary = f"{snapshot.repo} at {snapshot.commit[:12]} is in {target}: {counted(len(rows), 'file')}, all verified"
    output.show(value, Table(("file", ">size", "state"), rows), summary)
