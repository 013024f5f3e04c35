"""What is private here is given only where the operator says that it is meant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.swap.party import Party, connect, introduce, open_party, settle

from tukar.errors import Refused
from tukar.exchange.offers import Reference
from tukar.testing.models import tiny_safetensors
from tukar.types import RepoId
from tukar.usecases import swap
from tukar.usecases.swap import Proposal

SECRET = RepoId("admin", "secret")


@pytest.fixture
def hubs(tmp_path: Path) -> Iterator[tuple[Party, Party]]:
    with open_party("ours", tmp_path / "a") as ours, open_party("theirs", tmp_path / "b") as theirs:
        introduce(ours, theirs)
        connect(ours, theirs)
        ours.publish("secret", tiny_safetensors(0), private=True)
        yield ours, theirs


def proposed(name: RepoId, *, give_private: bool) -> Proposal:
    return Proposal("theirs", (Reference(name, "main"),), (), {}, give_private=give_private)


@pytest.mark.parametrize("name", [SECRET, RepoId("Admin", "SECRET")])
def test_an_offer_of_it_has_to_be_meant(hubs: tuple[Party, Party], name: RepoId) -> None:
    ours, theirs = hubs
    with pytest.raises(Refused, match="admin/secret; once theirs has it, theirs alone decides") as refused:
        swap.offer(ours.services, ours.operator, proposed(name, give_private=False))
    assert "--give-private" in (refused.value.hint or "")
    assert ours.swap_ids() == []
    made = swap.offer(ours.services, ours.operator, proposed(name, give_private=True))
    assert made.private == {SECRET}
    ours.run(made.record.id)
    assert swap.get(theirs.services, theirs.operator, made.record.id).private == frozenset()


def test_so_does_an_acceptance_that_hands_it_over(hubs: tuple[Party, Party]) -> None:
    ours, theirs = hubs
    swap_id = theirs.offer("ours", give=[], take=["secret"])
    theirs.run(swap_id)
    assert swap.get(ours.services, ours.operator, swap_id).private == {SECRET}
    with pytest.raises(Refused, match="admin/secret"):
        ours.accept(swap_id)
    settle(hubs, swap_id)
    assert not theirs.has("admin/secret")
    swap.accept(ours.services, ours.operator, swap_id, {}, give_private=True)
    settle(hubs, swap_id)
    assert theirs.has("admin/secret")


def test_what_everybody_may_read_needs_no_word(hubs: tuple[Party, Party]) -> None:
    ours, _ = hubs
    ours.publish("base", tiny_safetensors(1))
    made = swap.offer(ours.services, ours.operator, proposed(RepoId("admin", "base"), give_private=False))
    assert made.private == frozenset()
