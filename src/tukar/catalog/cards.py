"""Model cards: the README.md of a repository, with what its front matter says.

Source: https://huggingface.co/docs/hub/model-cards#model-card-metadata. A card is what someone wrote: reading one
never fails; what is wrong with it is told in ``errors``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tukar.catalog import front_matter
from tukar.catalog.front_matter import Json
from tukar.errors import Invalid

NAME: Final = "README.md"
MAX_SIZE: Final = 1 << 20  # bytes of a whole card
_MAX_FRONT_MATTER: Final = 1 << 18  # characters; the parser takes about a second for each 400 KB
_FENCE: Final = re.compile(r"\s*---[ \t]*\r?\n")
_END: Final = re.compile(r"^---[ \t]*(?:\r?\n|\Z)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Card:
    """A card.

    Attributes:
        license: the licence's identifier; the first, if there are several.
        tags: as written.
        base_model: repositories that the model was made from.
        pipeline_tag: the task, e.g. ``text-generation``.
        library_name: what loads the model, e.g. ``transformers``.
        language: language codes.
        datasets: repositories that it was trained on.
        metadata: the whole front matter as JSON types.
        body: the Markdown after it.
        errors: what is wrong with the card, in words for its author.
    """

    license: str | None = None
    tags: tuple[str, ...] = ()
    base_model: tuple[str, ...] = ()
    pipeline_tag: str | None = None
    library_name: str | None = None
    language: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    metadata: Mapping[str, Json] = field(default_factory=dict)
    body: str = ""
    errors: tuple[str, ...] = ()

    def to_json(self) -> str | None:
        """The metadata as JSON text, to keep; None if there is none."""
        return json.dumps(self.metadata, ensure_ascii=True, separators=(",", ":")) if self.metadata else None


def parse(content: bytes | str) -> Card:
    """Read a card. Never raises: what cannot be read is left out and told in ``errors``."""
    text, errors = _decode(content)
    head, body = _split(text)
    try:
        metadata = _metadata(head)
    except Invalid as error:
        metadata = {}
        errors.append(error.message)
    return _card(metadata, body, errors)


def from_json(text: str | None) -> Card:
    """A card without a body, from what ``to_json`` gave."""
    return _card({} if text is None else json.loads(text), "", [])


def _decode(content: bytes | str) -> tuple[str, list[str]]:
    raw = content.encode("utf-8", "replace") if isinstance(content, str) else content
    errors = []
    if len(raw) > MAX_SIZE:
        errors.append(f"the card has {len(raw)} bytes; only the first {MAX_SIZE} are read")
        raw = raw[:MAX_SIZE]
    text = raw.decode("utf-8-sig", "replace")
    if "\ufffd" in text and not errors:
        errors.append("the card is not UTF-8 text")
    return text, errors


def _split(text: str) -> tuple[str, str]:
    """The front matter, empty if there is none, and the body."""
    start = _FENCE.match(text)
    end = None if start is None else _END.search(text, start.end())
    if start is None or end is None:
        return "", text
    return text[start.end() : end.start()], text[end.end() :]


def _metadata(head: str) -> dict[str, Json]:
    if len(head) > _MAX_FRONT_MATTER:
        raise Invalid(f"the front matter has {len(head)} characters; at most {_MAX_FRONT_MATTER} are read")
    metadata = front_matter.load(head)
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        raise Invalid("the front matter is not a mapping of names to values")
    return metadata


def _card(metadata: dict[str, Json], body: str, errors: list[str]) -> Card:
    def texts(key: str) -> tuple[str, ...]:
        value = metadata.get(key)
        items = value if isinstance(value, list) else [] if value is None else [value]
        if any(isinstance(item, (dict, list)) for item in items):
            errors.append(f"{key!r} should be text, or a list of texts")
        # A tag may look like a number: `tags: [2024]`.
        return tuple(str(item) for item in items if type(item) in (str, int, float) and item != "")

    def text(key: str) -> str | None:
        return next(iter(texts(key)), None)

    return Card(
        license=text("license"),
        tags=texts("tags"),
        base_model=texts("base_model"),
        pipeline_tag=text("pipeline_tag"),
        library_name=text("library_name"),
        language=texts("language"),
        datasets=texts("datasets"),
        metadata=metadata,
        body=body,
        errors=tuple(errors),
    )
