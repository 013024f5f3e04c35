"""A hub under simulated power cuts: nothing acknowledged is lost, nothing is half there, and it goes on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from ..powercut import RecordingError, Trace, can_record
from .campaign import Cut, look, pending_at, recorded, sample

pytestmark = pytest.mark.skipif(not can_record(), reason="needs Linux and gcc")


def findings(trace: Trace, cuts: Iterable[Cut], folder: Path, earlier: Sequence[str] = ()) -> list[str]:
    found = [look(trace, cut, folder, earlier) for cut in cuts]
    return [str(finding) for finding in found if finding is not None]


def just_after_answers(trace: Trace) -> set[int]:
    """The cuts before which the program has noted something, and done nothing since."""
    noted = {len(trace.markers_before(event)): event for event in reversed(trace.cuts())}
    return set(noted.values())


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """One run of the whole workload."""
    return recorded(tmp_path_factory.mktemp("workload"))


def test_a_hub_keeps_its_promises(trace: Trace, scratch: Path) -> None:
    assert findings(trace, sample(trace, 8, seed=1), scratch) == []


def test_the_first_start_may_be_cut_anywhere(trace: Trace, scratch: Path) -> None:
    cuts = sample(trace, 5, seed=3, wanted=lambda event: not trace.markers_before(event))
    assert findings(trace, cuts, scratch) == []


@pytest.mark.slow
def test_the_first_start_may_be_cut_everywhere(trace: Trace, scratch: Path) -> None:
    cuts = sample(trace, 300, seed=4, wanted=lambda event: not trace.markers_before(event))
    assert findings(trace, cuts, scratch) == []


@pytest.mark.slow
def test_a_hub_keeps_its_promises_at_many_points(trace: Trace, scratch: Path) -> None:
    cuts = list(sample(trace, 1_100, seed=2))
    assert len({cut.event for cut in cuts}) >= 1_000
    assert findings(trace, cuts, scratch) == []


@pytest.fixture(scope="module")
def repacking(tmp_path_factory: pytest.TempPathFactory) -> Trace:
    """One run in which families are encoded anew, and lose their parents."""
    return recorded(tmp_path_factory.mktemp("repacking"), "repack")


@pytest.mark.slow
def test_what_is_encoded_anew_stays_what_it_was(repacking: Trace, scratch: Path) -> None:
    upkeep = {"Repack", "Collect"}
    cuts = sample(repacking, 50, seed=6, wanted=lambda event: bool(upkeep & set(pending_at(repacking, event))))
    assert findings(repacking, cuts, scratch) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_the_start_after_a_cut_may_be_cut_as_well(trace: Trace, scratch: Path, seed: int) -> None:
    root = scratch / "root"
    (cut,) = sample(trace, 1, seed)
    earlier = trace.markers_before(cut.event)
    trace.build(cut.event, cut.seed, "random", root)
    second = recorded(root, "recover")
    assert findings(second, sample(second, 20, seed), scratch, earlier) == []


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["files_are_not_synced", "commits_are_not_synced"])
def test_a_hub_that_does_not_sync_is_caught(scratch: Path, fault: str) -> None:
    trace = recorded(scratch / "root", fault)
    answers = just_after_answers(trace)
    cuts = sample(trace, 8, seed=1, wanted=answers.__contains__)
    assert findings(trace, (cut._replace(mode="strict") for cut in cuts), scratch)


@pytest.mark.slow
def test_a_collection_that_deletes_too_early_is_caught(scratch: Path) -> None:
    try:
        trace = recorded(scratch / "root", "packs_go_before_they_are_replaced")
    except RecordingError as error:  # somebody read what was gone, so that it shows without a cut
        if "is missing" not in str(error):
            raise
        return
    cuts = sample(trace, 150, seed=5, wanted=lambda event: "Collect" in pending_at(trace, event))
    assert findings(trace, (cut._replace(mode="everything") for cut in cuts), scratch)
