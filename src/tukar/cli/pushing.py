"""Files of this machine into a repository: behind push and import."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Final, Literal

from tukar.cli import cuts, publishing, workers
from tukar.cli.cuts import Cut
from tukar.cli.output import Output, Table, counted, size_text
from tukar.cli.publishing import Made, Message, Wish
from tukar.cli.sending import Sent, send
from tukar.cli.sources import LocalFile
from tukar.cli.upload import LargeFile
from tukar.cli.workers import Stopped
from tukar.exchange import checksums, tree
from tukar.exchange.checksums import Algorithm
from tukar.exchange.http import Remote, web_path
from tukar.types import RepoId

_THREADS: Final = 4

State = Literal["sent", "avoided", "unchanged", "ignored"]


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of a file: ``sent``, or ``avoided`` because the hub had its bytes, or ``unchanged`` there."""

    file: LocalFile
    state: State


@dataclass(frozen=True, slots=True)
class Hashed:
    """What reading files has shown, by path: their ids, and what those that have a SHA-256 are made of."""

    ids: dict[str, str] = field(default_factory=dict)
    cuts: dict[str, Cut] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Published:
    """What became of files that were to be published.

    Attributes:
        url: the repository's page.
        created: whether the repository is new.
        commit: the newest.
        made: the commits that it took; none if nothing has changed.
    """

    repo: RepoId
    url: str
    created: bool
    commit: str
    made: Sequence[Made]
    files: Sequence[Pushed]
    sent: Sent

    def value(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "repository": str(self.repo),
            "type": self.repo.type,
            "url": self.url,
            "created": self.created,
            "commit": self.commit,
            "commits": [item.commit for item in self.made],
            "via": self.sent.via,
            "sent_bytes": self.sent.nbytes,
            "avoided_bytes": self.sent.avoided,
            "files": [{"path": item.file.path, "size": item.file.size, "state": item.state} for item in self.files],
        }

    def table(self) -> Table:
        """The files, for people."""
        rows = [(item.file.path, size_text(item.file.size), item.state) for item in self.files]
        return Table(("file", ">size", "state"), rows)

    def summary(self) -> str:
        """What happened, in one line."""
        sent = f"sent {size_text(self.sent.nbytes)}, avoided {size_text(self.sent.avoided)}"
        return f"{sent if self.made else 'nothing has changed'}; commit {self.commit[:12]}"


def publish(
    remote: Remote, repo: RepoId, files: Sequence[LocalFile], message: Message | None, private: bool, output: Output
) -> Published:
    """Publish files in a repository, which is made if it is missing; the message counts them where there is none."""
    for warning in publishing.check_card(remote, repo, files):
        output.note(f"{publishing.CARD}: {warning}")
    known = Hashed()
    created = False
    if not publishing.exists(remote, repo, private=private):
        publishing.check_may_create(remote, repo)
        # Whatever here cannot be read is found before anything is made there.
        known = _hashed(files, dict.fromkeys((file.path for file in files), "sha256"), output)
        created = publishing.create(remote, repo, private=private)
    done, made, sent = _publish(remote, repo, files, known, message, output)
    commit = made[-1].commit if made else tree.resolve(remote, repo, publishing.BRANCH)
    return Published(repo, f"{remote.endpoint.url}{web_path(repo)}", created, commit, made, done, sent)


def _publish(
    remote: Remote, repo: RepoId, files: Sequence[LocalFile], known: Hashed, message: Message | None, output: Output
) -> tuple[list[Pushed], list[Made], Sent]:
    wishes = publishing.ask(remote, repo, files)
    hashed = _ids(files, wishes, known, output)
    states: dict[str, State] = {file.path: "ignored" for file in files if wishes[file.path].mode == "ignored"}
    states |= {path: "unchanged" for path, id_ in hashed.ids.items() if id_ == wishes[path].present}
    changed = [file for file in files if file.path not in states]
    regular = [file for file in changed if wishes[file.path].mode == "regular"]
    large = [LargeFile(file, hashed.ids[file.path]) for file in changed if wishes[file.path].mode == "lfs"]
    sent = send(remote, repo, large, hashed.cuts, output)
    states |= {item.file.path: "sent" if item.sha256 in sent.files else "avoided" for item in large}
    told = message or Message(f"Push {counted(len(changed), 'file')}")
    made = publishing.commit(remote, repo, told, regular, large) if changed else []
    sent.end()
    return [Pushed(file, states.get(file.path, "sent")) for file in files], made, sent.with_(regular)


def _ids(files: Sequence[LocalFile], wishes: Mapping[str, Wish], known: Hashed, output: Output) -> Hashed:
    """By path, the ids of files that are not ignored: of the kind that the hub goes by.

    ``known`` are files that were read already: regular ones among them need no id where none is there.
    """
    ids = {path: known.ids[path] for path, wish in wishes.items() if wish.mode == "lfs" and path in known.ids}
    wanted: dict[str, Algorithm] = {
        path: "sha256" if wish.mode == "lfs" else "git-blob"
        for path, wish in wishes.items()
        if wish.mode != "ignored" and path not in ids and (wish.present or path not in known.ids)
    }
    found = _hashed(files, wanted, output)
    return Hashed(ids | found.ids, known.cuts | found.cuts)


def _hashed(files: Sequence[LocalFile], wanted: Mapping[str, Algorithm], output: Output) -> Hashed:
    """The digests that are wanted, by path."""
    hashed = Hashed()
    some = [file for file in files if file.path in wanted]
    with output.progress("Reading", sum(file.size for file in some)) as advance:

        @contextmanager
        def worker(stop: Event) -> Iterator[Callable[[LocalFile], None]]:
            def count(size: int) -> None:
                advance(size)
                if stop.is_set():
                    raise Stopped

            def compute(file: LocalFile) -> None:
                if wanted[file.path] == "sha256":
                    hashed.cuts[file.path] = found = cuts.cut(file, count)
                    hashed.ids[file.path] = found.manifest.sha256
                else:
                    hashed.ids[file.path] = checksums.of_file(file.source, "git-blob", file.size, count).hex

            yield compute

        workers.each(some, _THREADS, worker)
    return hashed
