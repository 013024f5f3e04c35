"""A stock Hugging Face-compatible hub as a source: what it lists, and its files, through ``huggingface_hub``.

Nothing of Tukar is needed there, so whole files come: by Xet where the hub has it, else by HTTP. What comes is compared
with what the hub lists, for the library itself compares no more than sizes.

The library is optional (``pip install 'tukar[import]'``), and not imported before a hub is to be asked.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tukar import __version__
from tukar.errors import (
    Corrupt,
    EntryNotFound,
    Invalid,
    NotFound,
    Refused,
    RepoNotFound,
    RevisionNotFound,
    TukarError,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from tukar.exchange import checksums, tree
from tukar.exchange.endpoint import Endpoint
from tukar.exchange.http import PASSING, web_path
from tukar.exchange.replies import malformed
from tukar.exchange.tree import RemoteFile
from tukar.types import RepoId

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

DEFAULT: Final = "https://huggingface.co"
_OWN: Final = ".cache/huggingface"
"""Where the library keeps its notes, in the folder that it downloads to."""


@dataclass(frozen=True, slots=True)
class Revision:
    """What a commit of a repository holds; ``page`` is its address for people."""

    repo: RepoId
    commit: str
    page: str
    files: tuple[RemoteFile, ...]


class StockHub:
    """A hub that any Hugging Face client can use. Safe to use from several threads.

    Every method raises what goes wrong as an error of ``tukar.errors``, and OSError where the disk fails.

    Args:
        endpoint: which hub, and the token to show it: no other token is, whatever the environment has.

    Raises:
        Unsupported: the library is not installed.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._api = _api(endpoint)

    def look_up(self, repo: RepoId, revision: str) -> Revision:
        """The files of a branch, a tag or a commit, by path. Invalid if they cannot all be put into a folder."""
        with self._told(repo, revision):
            commit = self._api.repo_info(str(repo), repo_type=repo.type, revision=revision).sha
            if commit is None or not re.fullmatch(r"[0-9a-f]{40}", commit):
                raise malformed(f"not a commit id: {str(commit)[:80]!r}")
            files = sorted(self._files(repo, commit), key=lambda file: file.path)
            page = f"{self.endpoint.url}{web_path(repo)}/tree/{commit}"
            return Revision(repo, commit, page, tuple(files))

    def _files(self, repo: RepoId, commit: str) -> list[RemoteFile]:
        found: list[RemoteFile] = []
        entries = self._api.list_repo_tree(str(repo), recursive=True, revision=commit, repo_type=repo.type)
        for count, entry in enumerate(entries, 1):
            tree.check_count(count)
            if hasattr(entry, "blob_id"):
                found.append(_file(entry))
        return found

    def fetch(self, revision: Revision, file: RemoteFile, folder: Path) -> bool:
        """Bring a file into a folder, below which it has its path. False if it was there: nothing is asked then.

        Corrupt if what comes, twice, is not what the hub lists; nothing of it stays.
        """
        path = folder / file.path
        if _is(path, file):
            return False
        for is_again in (False, True):
            with self._told(revision.repo, revision.commit):
                self._api.hf_hub_download(
                    str(revision.repo),
                    file.path,
                    repo_type=revision.repo.type,
                    revision=revision.commit,
                    local_dir=folder,
                    force_download=is_again,  # else what is here, or in the library's own cache, would do
                )
            if _is(path, file):
                return True
        path.unlink(missing_ok=True)
        raise Corrupt(
            f"{self.endpoint.url} sends other bytes for {file.path!r} than it lists ({file.size}, {file.checksum})",
            hint="something is wrong at the source, or on the way: tell its operator, or leave it out with --exclude",
        )

    @contextmanager
    def _told(self, repo: RepoId, revision: str) -> Iterator[None]:
        """What the library raises, as an error of Tukar's own."""
        try:
            yield
        except TukarError as error:
            raise type(error)(f"{self.endpoint.url}: {error.message}", hint="is --from the address of a hub?") from None
        except Exception as error:
            # Where it cannot tell what the hub has, the library complains of what it lacks; the cause is what happened.
            cause = error.__cause__ if type(error).__name__ == "LocalEntryNotFoundError" else None
            found = cause or error
            if isinstance(found, OSError) and found.errno is not None and not _is_of_network(found):
                raise found from None
            raise self._translated(found, repo, revision) from error

    def _translated(self, error: BaseException, repo: RepoId, revision: str) -> TukarError:
        from huggingface_hub import errors

        where = f"{repo.type} {repo} at {self.endpoint.url}"
        match error:
            case errors.GatedRepoError():
                page = f"{self.endpoint.url}{web_path(repo)}"
                hint = f"accept its conditions at {page}, and name that account's token with --from-token-file"
                return Refused(f"{where} is gated", hint=hint)
            case errors.RepositoryNotFoundError():
                return RepoNotFound(f"there is no {where}{self._asker}", hint=self._advice)
            case errors.RevisionNotFoundError():
                return RevisionNotFound(f"{where} has no revision {revision!r}", hint="look at --revision")
            case errors.EntryNotFoundError():
                return EntryNotFound(f"{where} lists a file that it does not have", hint="import again a little later")
            case errors.HfHubHTTPError():
                return self._refusal(error.response.status_code, str(error))
            case KeyError() | TypeError() | AttributeError() | ValueError():
                told = f"the answer of {self.endpoint.url} makes no sense ({_first_line(error)})"
                return Invalid(told, hint="is --from the address of a hub?")
        return Unavailable(
            f"nothing can be fetched from {self.endpoint.url}: {_first_line(error)}",
            hint="import again: what is here already stays",
        )

    def _refusal(self, status: int, message: str) -> TukarError:
        told = f"{self.endpoint.url} answers {status}: {message.splitlines()[0][:500]}"
        if status == 401:
            return Unauthenticated(told, hint="look at the token that --from-token-file names")
        if status == 403:
            return Refused(told, hint=self._advice)
        if status in PASSING:
            return Unavailable(told, hint="import again a little later: what is here already stays")
        return NotFound(told, hint="is --from the address of a hub?") if status == 404 else Invalid(told)

    @property
    def _asker(self) -> str:
        return " that your token may read" if self.endpoint.token else " that everybody may read"

    @property
    def _advice(self) -> str:
        if self.endpoint.token:
            return "look at its name and --type, and at whose token --from-token-file names"
        return "look at its name and --type; if it is private, name a token with --from-token-file"


def check_chosen(files: list[RemoteFile]) -> None:
    """Invalid if a file would lie where the library keeps its notes."""
    for file in files:
        if f"{_OWN}/".startswith(f"{file.path.casefold()}/") or file.path.casefold().startswith(f"{_OWN}/"):
            raise Invalid(
                f"{file.path!r} lies where huggingface_hub keeps its notes", hint="leave it out: --exclude '.cache*'"
            )


def _api(endpoint: Endpoint) -> HfApi:
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError:
        raise Unsupported(
            "huggingface_hub, which speaks to other hubs, is not installed",
            hint="pip install 'tukar[import]', or pip install 'huggingface_hub>=0.36,<3'",
        ) from None
    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    # False, and not None: the library would look for a token itself, and find the one that is for one's own hub.
    return HfApi(endpoint.url, token=endpoint.token or False, library_name="tukar", library_version=__version__)


def _file(entry: RepoFile | Any) -> RemoteFile:
    size = entry.size if entry.lfs is None else entry.lfs.size
    if type(size) is not int or size < 0:
        raise malformed(f"not a size: {str(size)[:80]!r}")
    if entry.lfs is None:
        return tree.told(entry.path, size, "git-blob", entry.blob_id)
    return tree.told(entry.path, size, "sha256", entry.lfs.sha256)


def _is(path: Path, file: RemoteFile) -> bool:
    """Whether the file is there, with these very bytes."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    return checksums.of_file(path, file.checksum.algorithm, file.size) == file.checksum


def _is_of_network(error: OSError) -> bool:
    return isinstance(error, (ConnectionError, TimeoutError)) or type(error).__module__.partition(".")[0] != "builtins"


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:500]}" if lines[0] else type(error).__name__
