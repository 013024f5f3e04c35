"""The web addresses of models and their files, as paths on this hub."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from tukar.catalog.revisions import DEFAULT_BRANCH


@dataclass(frozen=True, slots=True)
class Place:
    """A model at a revision.

    Attributes:
        name: ``namespace/name``.
        revision: as it was asked for: a branch, a tag or a commit.
        private: whether its files are for people who have logged in.
    """

    name: str
    revision: str = DEFAULT_BRANCH
    private: bool = False

    @property
    def page(self) -> str:
        """The model's page."""
        if self.revision == DEFAULT_BRANCH:
            return model(self.name)
        return f"{model(self.name)}/tree/{quote(self.revision, safe='')}"

    def file(self, path: str) -> str:
        """A file's bytes; of a private model at the address that knows who has logged in."""
        return (
            f"{model(self.name)}/{'blob' if self.private else 'resolve'}/{quote(self.revision, safe='')}/{quote(path)}"
        )


def swap(swap_id: str) -> str:
    """The page of a swap."""
    return f"/exchange/{swap_id}"


def receipt(name: str, swap: str) -> str:
    """A receipt that speaks of a model, as JSON."""
    return f"{model(name)}/receipts/{swap}"


def model(name: str) -> str:
    """The page of a model."""
    return f"/{quote(name)}"
