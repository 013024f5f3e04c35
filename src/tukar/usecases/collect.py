"""Collect garbage: free what no repository, and no upload that may yet be committed, needs."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from tukar.catalog import possessions, roots
from tukar.exchange import local
from tukar.objects import holds
from tukar.objects.gc import Collected
from tukar.usecases import hand_over
from tukar.usecases.services import Services
from tukar.usecases.upload import OWNERS


def collect(services: Services, grace: float, upload_window: float) -> Collected:
    """One run.

    Args:
        grace: seconds for which what nothing needs is kept before it is freed.
        upload_window: seconds for which files that were sent are kept for a commit to follow, and what was sent of
            files that are not whole, for the rest.
    """
    now = services.clock()
    with services.database.write() as tx:
        possessions.expire(tx, now - upload_window - grace)

    def needed() -> Sequence[sa.Select[int]]:
        return [*roots.live_files(), roots.pending_files(now - upload_window), holds.all_files()]

    services.xorbs.drop_stale(now - upload_window)
    local.drop_untouched(hand_over.store(services), OWNERS, now - upload_window)
    return services.objects.collector(needed, services.xorbs.forget_files).run(now, grace)
