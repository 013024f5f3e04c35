"""Pages as HTML.

All words of the pages are in the templates, in ``_()`` and ``ngettext()``; that is where a translation would come in.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tukar import __version__
from tukar.gallery import addresses, commands, markdown, text
from tukar.gallery.exchange_views import ExchangePage, PeerPage, SwapPage
from tukar.gallery.views import NO_FRAME, Frame, LoginPage, ModelPage, ModelsPage, StoragePage
from tukar.lineage.trace import Trace
from tukar.lineage.words import DIRECTIONS, bound, summary

# Sent with every page. A style or script in a page itself would not run, nor an image from elsewhere load.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
LIVE_POLICY: Final = f"{CONTENT_SECURITY_POLICY}; connect-src 'self'"
"""For a page that asks for its own state again, and shows nothing that others laid out."""
MAX_TAGS: Final = 24


def models_page(view: ModelsPage, frame: Frame = NO_FRAME) -> str:
    """The list of models."""
    return _render("models.html", view=view, frame=frame)


def model_page(view: ModelPage, frame: Frame = NO_FRAME) -> str:
    """One model."""
    card = markdown.render(view.card.body, view.place) if view.card else None
    return _render("model.html", view=view, rendered=card, frame=frame)


def exchange_page(view: ExchangePage, frame: Frame = NO_FRAME) -> str:
    """What this hub has to do with others."""
    return _render("exchange.html", view=view, frame=frame)


def peer_page(view: PeerPage, frame: Frame = NO_FRAME) -> str:
    """What a peer asks for."""
    return _render("peer.html", view=view, frame=frame)


def swap_page(view: SwapPage, frame: Frame = NO_FRAME) -> str:
    """One swap."""
    return _render("swap.html", view=view, frame=frame)


def storage_page(view: StoragePage, frame: Frame = NO_FRAME) -> str:
    """What this hub holds, and what that takes."""
    return _render("storage.html", view=view, frame=frame)


def login_page(view: LoginPage, frame: Frame = NO_FRAME) -> str:
    """The form to log in."""
    return _render("login.html", view=view, frame=frame)


def error_page(status: int, message: str, hint: str | None = None, frame: Frame = NO_FRAME) -> str:
    """What went wrong, and what the reader can do about it.

    Args:
        status: of the HTTP reply.
        message: the facts.
        hint: what to do, if there is anything.
        frame: what stands around it.
    """
    return _render("error.html", status=status, message=message, hint=hint, frame=frame)


def trace_report(found: Trace, a: str, b: str) -> str:
    """What a comparison of two models' weights found, as a file of its own, which loads nothing.

    Args:
        a, b: what the two are called.
    """
    style = files("tukar.gallery").joinpath("static", "style.css").read_text(encoding="utf-8")
    style = re.sub(r"url\([^)]*\)", "none", style)
    verdict, _, explained = summary(found.verdict, found.log10_p).partition(": ")
    return _render(
        "trace.html",
        found=found,
        models=zip("AB", (a, b), found.architectures, found.layers or (None, None), strict=True),
        p=None if found.log10_p is None else bound(found.log10_p),
        verdict=verdict,
        explained=explained,
        direction=DIRECTIONS[found.direction],
        style=Markup(style),  # noqa: S704 - our own file
    )


def _render(template: str, **values: object) -> str:
    return _environment.get_template(template).render(values)


def _static(name: str) -> str:
    """The address of a static file; it changes with the file, so that browsers may keep what they have."""
    return _static_addresses[name]


def _find_static() -> dict[str, str]:
    found = (file for file in files("tukar.gallery").joinpath("static").iterdir() if file.is_file())
    return {
        file.name: f"/static/{file.name}?v={blake2b(file.read_bytes(), digest_size=4).hexdigest()}" for file in found
    }


def _make_environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tukar.gallery"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_null_translations(newstyle=True)  # type: ignore[attr-defined]  # added by the extension
    filters = (
        text.size,
        text.count,
        text.number,
        text.date,
        text.moment,
        text.until,
        text.shape,
        text.plain,
        text.words,
    )
    environment.filters |= {function.__name__: function for function in filters}
    environment.globals |= {
        "commands": commands,
        "max_tags": MAX_TAGS,
        "model_address": addresses.model,
        "static": _static,
        "version": __version__,
    }
    return environment


_static_addresses: Final = _find_static()
_environment: Final = _make_environment()
