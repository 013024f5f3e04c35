"""What people do with a hub, one value a step: how it is done, and what the hub shows once it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from .world import World

FOREVER = 1e9


class Actor(Protocol):
    """A hub as someone uses it who administers it. Everything raises where the hub did not say yes."""

    def create(self, repository: str) -> None: ...

    def delete(self, repository: str) -> None: ...

    def send(self, name: str) -> None:
        """Send a content, in the way that its kind goes, without a commit."""

    def commit(self, repository: str, title: str, changes: Mapping[str, str | None]) -> str:
        """Commit contents that were sent before, by path; None deletes. The commit's id."""

    def add_user(self, name: str) -> None: ...

    def add_token(self, user: str, name: str) -> str: ...

    def collect(self, window: float, grace: float) -> None:
        """Collect garbage; what was sent within ``window`` seconds is spared."""

    def repack(self, beside: bool) -> None:
        """Encode anew all that is pending. ``beside``: also while the hub itself is at it, where that can be."""

    def pause_repack(self, paused: bool) -> None: ...

    def check(self) -> list[str]:
        """All that is wrong with what is stored."""

    def look(self) -> World:
        """All that is there; every file was read, and is told by the sha256 of what came."""


class Step(Protocol):
    """Something that is done. It may be done again where no answer came."""

    def do(self, hub: Actor) -> str:
        """Do it; what the hub answered."""

    def after(self, world: World, answer: str = "") -> World:
        """The world once it is done."""


@dataclass(frozen=True)
class Create:
    repository: str

    def do(self, hub: Actor) -> str:
        hub.create(self.repository)
        return ""

    def after(self, world: World, answer: str = "") -> World:
        return world.create(self.repository)


@dataclass(frozen=True)
class Delete:
    repository: str

    def do(self, hub: Actor) -> str:
        hub.delete(self.repository)
        return ""

    def after(self, world: World, answer: str = "") -> World:
        return world.delete(self.repository)


@dataclass(frozen=True)
class Send:
    name: str

    def do(self, hub: Actor) -> str:
        hub.send(self.name)
        return ""

    def after(self, world: World, answer: str = "") -> World:
        return world.send(self.name)


@dataclass(frozen=True)
class Commit:
    repository: str
    title: str
    changes: Mapping[str, str | None] = field(default_factory=dict)

    def do(self, hub: Actor) -> str:
        return hub.commit(self.repository, self.title, self.changes)

    def after(self, world: World, answer: str = "") -> World:
        return world.commit(self.repository, self.title, self.changes)


@dataclass(frozen=True)
class AddUser:
    name: str

    def do(self, hub: Actor) -> str:
        hub.add_user(self.name)
        return ""

    def after(self, world: World, answer: str = "") -> World:
        return replace(world, users=world.users | {self.name})


@dataclass(frozen=True)
class AddToken:
    user: str
    name: str

    def do(self, hub: Actor) -> str:
        return hub.add_token(self.user, self.name)

    def after(self, world: World, answer: str = "") -> World:
        return replace(world, tokens={**world.tokens, answer: self.user}) if answer else world


@dataclass(frozen=True)
class Collect:
    """Garbage collection. ``window`` 0 also takes what was sent and not committed."""

    window: float = FOREVER
    grace: float = 0

    def do(self, hub: Actor) -> str:
        hub.collect(self.window, self.grace)
        return ""

    def after(self, world: World, answer: str = "") -> World:
        return world.forget_sent() if self.window == 0 else world


@dataclass(frozen=True)
class Check:
    def do(self, hub: Actor) -> str:
        assert hub.check() == []
        return ""

    def after(self, world: World, answer: str = "") -> World:
        return world


@dataclass(frozen=True)
class Repack:
    beside: bool = False

    def do(self, hub: Actor) -> str:
        hub.repack(self.beside)
        return ""

    def after(self, world: World, answer: str = "") -> World:
        return world


@dataclass(frozen=True)
class Pause:
    """Let the hub encode nothing anew, or let it go on."""

    paused: bool

    def do(self, hub: Actor) -> str:
        hub.pause_repack(self.paused)
        return ""

    def after(self, world: World, answer: str = "") -> World:
        return world
