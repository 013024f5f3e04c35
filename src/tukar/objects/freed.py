"""What was there a moment ago."""

from __future__ import annotations

from tukar.errors import Conflict


class FreedMeanwhile(Conflict):
    """What a landing shares with stored files was there when it was looked up, and then gc freed it: land again."""

    def __init__(self) -> None:
        super().__init__("content that this upload shares with stored files was freed meanwhile", hint="send it again")
