"""What the pages show, as values. Times are seconds since the epoch, sizes are bytes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from tukar.catalog.cards import Card
from tukar.gallery.addresses import Place


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a page.

    Attributes:
        user: who has logged in; None if nobody has.
        address: of the page, for coming back to it after logging in; empty where logging in is not offered.
        is_operator: whether they may do what is for operators.
    """

    user: str | None = None
    address: str = ""
    is_operator: bool = False


NO_FRAME: Final = Frame()


@dataclass(frozen=True, slots=True)
class Problem:
    """Why what was sent was not done."""

    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class LoginPage:
    """The form to log in. ``after`` is where to go then, on this hub."""

    after: str
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class ModelLine:
    """A model in the list.

    Attributes:
        name: ``namespace/name``.
        size: of all its files, as they were pushed.
        card: what its card says, without the text.
        private: whether only its owner and administrators see it.
    """

    name: str
    updated_at: float
    size: int
    card: Card
    private: bool = False


@dataclass(frozen=True, slots=True)
class ModelsPage:
    """The list of models.

    Attributes:
        endpoint: the hub's address as clients write it, without a slash at the end.
        search: what was searched for; empty for all models.
        is_first: whether the page is the first of the list.
        next_cursor: where the next page begins; None on the last.
    """

    endpoint: str
    models: tuple[ModelLine, ...]
    search: str = ""
    is_first: bool = True
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Relative:
    """What something is stored as a difference to, where the reader may read it.

    Attributes:
        name: of the repository: ``namespace/name``.
        path: of the file in it; None where only earlier revisions have it.
        address: of its page; None where it has none.
    """

    name: str
    path: str | None
    address: str | None


@dataclass(frozen=True, slots=True)
class Kin:
    """How many tensors are differences to a relative; None for those that the reader may not know of."""

    relative: Relative | None
    count: int


@dataclass(frozen=True, slots=True)
class Share:
    """What is stored with one encoding: how many tensors and the like, their size, and what they take."""

    encoding: str
    count: int
    size: int
    stored: int


@dataclass(frozen=True, slots=True)
class FileLine:
    """A file with what it costs.

    Attributes:
        coded: of its tensors those that are encoded by themselves, or as differences.
        kin: to what; most first.
        size: as it was pushed.
        stored: of everything that it is rebuilt from, as it is stored.
        own: of these, what nothing else uses that the reader may see.
    """

    path: str
    size: int
    stored: int
    own: int
    coded: tuple[Share, ...] = ()
    kin: tuple[Kin, ...] = ()

    @property
    def shared(self) -> int:
        """Stored bytes that are used elsewhere as well."""
        return self.stored - self.own


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a model.

    Attributes:
        shown: the first of them, by path.
        count: how many there are in all.
        total: their sizes added up, each content once.
    """

    shown: tuple[FileLine, ...] = ()
    count: int = 0
    total: FileLine = FileLine("", 0, 0, 0)


@dataclass(frozen=True, slots=True)
class TensorLine:
    """A tensor.

    Attributes:
        shape: as the file has it.
        size: what it takes in the file.
        stored: what it takes in the store, used elsewhere or not.
        encoding: how it is stored.
        relative: what it is a difference to; None where it is none, or the reader may not know of it.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int
    stored: int = 0
    encoding: str = ""
    relative: Relative | None = None


@dataclass(frozen=True, slots=True)
class Tensors:
    """Some tensors of a file, one after the other.

    Attributes:
        shown: the tensors.
        start: how many come before them.
        count: how many the file has in all.
    """

    shown: tuple[TensorLine, ...]
    start: int
    count: int

    @property
    def stop(self) -> int:
        """How many there are up to the last one shown."""
        return self.start + len(self.shown)


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file that holds tensors.

    Attributes:
        format: ``safetensors`` or ``gguf``.
        parameters: how many, by dtype.
        tensors: those that the page lists; None where it lists none of this file.
    """

    path: str
    format: str
    parameters: tuple[tuple[str, int], ...]
    tensors: Tensors | None = None


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight files of a model.

    Attributes:
        files: those that were opened.
        is_complete: whether these are all.
        focus: the file that the reader chose to see the tensors of; None if they did not.
    """

    files: tuple[WeightFile, ...] = ()
    is_complete: bool = True
    focus: str | None = None

    @property
    def parameters(self) -> dict[str, int]:
        """The model's parameters by dtype, most first.

        GGUF files in one repository are alternatives: where there is no safetensors file, the first stands for all.
        """
        parts = [file for file in self.files if file.format == "safetensors"] or list(self.files[:1])
        counted: Counter[str] = Counter()
        for file in parts:
            counted.update(dict(file.parameters))
        return dict(counted.most_common())


@dataclass(frozen=True, slots=True)
class CommitLine:
    """A commit of the history."""

    oid: str
    title: str
    author: str
    created_at: float


@dataclass(frozen=True, slots=True)
class History:
    """The newest commits, and how many there are in all."""

    shown: tuple[CommitLine, ...]
    count: int


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A model that this one was made from. ``address`` is None where this hub has none of that name for the reader."""

    name: str
    address: str | None


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """A receipt that speaks of a model.

    Attributes:
        swap: the swap's id.
        address: of the receipt itself.
        peer: what this hub's operator calls the other hub.
        fingerprint: of the other hub's key, in groups.
        earlier: whether that hub has another key by now.
        received: whether the model came from the other hub; else it was handed over.
        others: what was handed over in the other direction, by the names on the hubs that gave it: ``namespace/name``
            and, where it is one of this hub's, its page. Empty for a gift.
        ended_at: when this hub published its part.
    """

    swap: str
    address: str
    peer: str
    fingerprint: str
    earlier: bool
    received: bool
    others: tuple[tuple[str, str | None], ...]
    ended_at: float


@dataclass(frozen=True, slots=True)
class ModelPage:
    """One model at a revision.

    Attributes:
        endpoint: the hub's address as clients write it, without a slash at the end.
        updated_at: when the revision's commit was made.
        card: None where there is no README.md.
    """

    endpoint: str
    place: Place
    updated_at: float
    card: Card | None
    base_models: tuple[BaseModel, ...]
    files: Files
    weights: Weights
    history: History
    receipts: tuple[ReceiptLine, ...] = ()


@dataclass(frozen=True, slots=True)
class StoragePage:
    """What a hub holds, what that takes, and how far encoding it anew is.

    Attributes:
        files: how many there are.
        raw: their size, as they were pushed.
        stored: what they need of the storage.
        disk: what is taken from it now: what was superseded or deleted is there until it is freed.
        shares: by encoding.
        pending_files, pending: what is still to be encoded anew, and its size.
        state: ``paused``, ``running``, ``waiting`` or ``finished``.
        error: why it did not go on the last time.
        run_done, run: of the run under way, what it has dealt with, and about how much it has to; 0 if there is none.
        note: what came of it so far.
    """

    files: int
    raw: int
    stored: int
    disk: int
    shares: tuple[Share, ...]
    pending_files: int
    pending: int
    state: str
    error: str | None = None
    run_done: int = 0
    run: int = 0
    note: str = ""

    @property
    def saved(self) -> int:
        """What is stored is less than what was pushed by so much; 0 if it is more."""
        return max(self.raw - self.stored, 0)

    @property
    def freeable(self) -> int:
        """What is there and not needed."""
        return max(self.disk - self.stored, 0)

    @property
    def done(self) -> FileLine:
        """How far encoding is, to be drawn: ``own`` of ``size``."""
        done = max(self.raw - self.pending, 0)
        return FileLine("", self.raw, done, done)
