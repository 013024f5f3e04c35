"""Every error that Tukar raises on purpose, and what a caller can do about it.

::

    TukarError
    ├── Invalid            the input is wrong: mend it and try again
    ├── NotFound           nothing by that name, or nothing that the asker may see
    │   ├── RepoNotFound
    │   ├── RevisionNotFound
    │   └── EntryNotFound
    ├── Conflict           the name is taken, or the state changed meanwhile: look again, then decide
    ├── Corrupt            bytes do not match their digest: do not use them
    ├── Refused            the asker may not do this
    │   └── Unauthenticated    nobody, or a token that is not valid
    ├── Unavailable        cannot be done now: the same call may succeed later
    └── Unsupported        Tukar does not do this (yet)

An error carries its facts in ``str(error)`` and, where there is something to do, a ``hint``. Where that names a command
or an option, ``on_page`` says the same to whoever reads it on a page.
"""

from __future__ import annotations


class TukarError(Exception):
    """The base of the tree.

    Args:
        message: what happened, with the facts (names, sizes, digests), in one sentence.
        hint: what the caller can do about it, or None.
        on_page: the same for the reader of a page, where the hint is for the command line.
    """

    def __init__(self, message: str, *, hint: str | None = None, on_page: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.on_page = on_page


class Invalid(TukarError):
    """The input is malformed or out of range."""


class NotFound(TukarError):
    """Nothing is known by that name, or nothing that the asker may see."""


class RepoNotFound(NotFound):
    """No repository of that name that the asker may see."""


class RevisionNotFound(NotFound):
    """The repository has no such branch, tag or commit."""


class EntryNotFound(NotFound):
    """The revision has no such file or folder."""


class Conflict(TukarError):
    """The name is taken, or the state is not what the caller took it to be."""


class Corrupt(TukarError):
    """Bytes do not match the digest that names them."""


class Refused(TukarError):
    """The asker is known and may not do this."""


class Unauthenticated(Refused):
    """No credentials, or credentials that are not valid."""


class Unavailable(TukarError):
    """It cannot be done now; the same call may succeed later."""


class Unsupported(TukarError):
    """Tukar does not offer this, or not yet."""
