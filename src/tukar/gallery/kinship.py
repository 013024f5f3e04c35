"""How what a page shows is stored: with which encodings, as differences to what the reader may know of."""

from __future__ import annotations

from tukar.gallery import addresses
from tukar.gallery.views import Kin, Relative, Share
from tukar.usecases import encodings
from tukar.usecases.encodings import Summary
from tukar.usecases.origins import Origin


def coded(summary: Summary) -> tuple[Share, ...]:
    """What repacking encoded; the rest is as it came."""
    return tuple(share(each) for each in summary.shares if each.encoding in (encodings.CODED, encodings.DIFFERENCE))


def share(found: encodings.Share) -> Share:
    """For a page."""
    return Share(found.encoding, found.count, found.raw, found.stored)


def kin(summary: Summary) -> tuple[Kin, ...]:
    """For a page."""
    return tuple(Kin(relative(each.origin), each.count) for each in summary.kin)


def relative(origin: Origin | None) -> Relative | None:
    """For a page; of what the reader may not know of, nothing."""
    if origin is None:
        return None
    address = f"{addresses.model(origin.repository)}#files" if origin.type == "model" else None
    return Relative(origin.repository, origin.path, address)
