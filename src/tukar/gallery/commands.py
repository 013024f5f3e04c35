"""Commands for readers to copy. Whatever goes into one is quoted for the language that it is in."""

from __future__ import annotations

import shlex

from tukar.catalog.revisions import DEFAULT_BRANCH
from tukar.gallery.addresses import Place


def download(endpoint: str, place: Place) -> str:
    """Fetch the model with Hugging Face's command line."""
    return _shell(endpoint, "hf download", place)


def pull(endpoint: str, place: Place) -> str:
    """Fetch the model with Tukar's command line."""
    return _shell(endpoint, "tukar pull", place)


def python(endpoint: str, place: Place) -> str:
    """Fetch the model from Python."""
    arguments = [place.name] if place.revision == DEFAULT_BRANCH else [place.name, place.revision]
    names = ("", "revision=")
    lines = [f"    {name}{_literal(value)}," for name, value in zip(names, arguments, strict=False)]
    lines.append(f"    endpoint={_literal(endpoint)},")
    return "\n".join(["from huggingface_hub import snapshot_download", "", "folder = snapshot_download(", *lines, ")"])


def settings(endpoint: str) -> str:
    """Make Hugging Face's clients use this hub."""
    return f"export HF_ENDPOINT={shlex.quote(endpoint)}"


def publish(endpoint: str) -> str:
    """Publish a folder as a model."""
    return "\n".join([settings(endpoint), "export HF_TOKEN=tukar_…", "hf upload YOU/my-model ./my-model"])


def add_peer(endpoint: str, fingerprint: str) -> str:
    """Let one's own hub trust this one."""
    return f"tukar peer add {shlex.quote(endpoint)} \\\n  --fingerprint {fingerprint}"


def answer(request: str) -> str:
    """Answer a request of this hub."""
    return f"tukar swap offer PEER --give NAMESPACE/NAME \\\n  --request {request[:12]}"


def verify(swap: str) -> str:
    """Verify a receipt that was downloaded."""
    return f"tukar receipt verify {receipt_name(swap)}"


def receipt_name(swap: str) -> str:
    """What the file of a receipt is called."""
    return f"{swap[:12]}.receipt.json"


def _shell(endpoint: str, command: str, place: Place) -> str:
    revision = "" if place.revision == DEFAULT_BRANCH else f" --revision {shlex.quote(place.revision)}"
    return f"HF_ENDPOINT={shlex.quote(endpoint)} \\\n  {command} {shlex.quote(place.name)}{revision}"


def _literal(text: str) -> str:
    """A Python string literal, in double quotes where that needs no escape."""
    plain = repr(text)
    return f'"{plain[1:-1]}"' if plain[0] == "'" and '"' not in plain and "\\" not in plain else plain
