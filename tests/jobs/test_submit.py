"""Jobs are added, found and forgotten."""

from __future__ import annotations

import math

import pytest

from tukar.database import Transaction
from tukar.errors import Invalid, NotFound
from tukar.jobs import Progress, queue

from .conftest import NOW


def test_a_new_job_waits_with_what_it_was_given(tx: Transaction) -> None:
    job = queue.submit(tx, "repack", {"repository": 7, "deep": True}, now=NOW, priority=2, max_attempts=5)
    assert job == queue.get(tx, job.id)
    assert (job.kind, job.payload, job.state) == ("repack", {"repository": 7, "deep": True}, "queued")
    assert (job.run_at, job.created_at, job.started_at, job.finished_at) == (NOW, NOW, None, None)
    assert (job.priority, job.attempts, job.max_attempts) == (2, 0, 5)
    assert (job.lease_owner, job.leased_until, job.result, job.error) == (None, None, None, None)
    assert job.progress == Progress(0, None, "")


@pytest.mark.parametrize("kind", ["", "Check", "1check", "a b", "a" * 65, "check\n"])
def test_a_kind_is_a_plain_name(tx: Transaction, kind: str) -> None:
    with pytest.raises(Invalid, match="kind of job"):
        queue.submit(tx, kind, now=NOW)


@pytest.mark.parametrize("value", [b"bytes", math.nan, {1, 2}, "x" * (1 << 20)], ids=type)
def test_a_payload_is_json_of_bounded_size(tx: Transaction, value: object) -> None:
    with pytest.raises(Invalid, match="the payload of the job"):
        queue.submit(tx, "check", {"value": value}, now=NOW)


def test_text_that_databases_refuse_survives_in_a_payload(tx: Transaction) -> None:
    payload = {"path": "a\0b\udcff"}
    assert queue.submit(tx, "check", payload, now=NOW).payload == payload


def test_a_job_needs_an_attempt(tx: Transaction) -> None:
    with pytest.raises(Invalid, match="attempt"):
        queue.submit(tx, "check", now=NOW, max_attempts=0)


def test_a_unique_job_is_the_one_that_waits_already(tx: Transaction) -> None:
    first = queue.submit(tx, "check", {"a": 1, "b": 2}, now=NOW)
    assert queue.submit(tx, "check", {"b": 2, "a": 1}, now=NOW + 1, unique=True) == first
    assert queue.submit(tx, "check", {"a": 1}, now=NOW, unique=True).id != first.id
    assert queue.submit(tx, "repack", {"a": 1, "b": 2}, now=NOW, unique=True).id != first.id
    assert queue.submit(tx, "check", {"a": 1, "b": 2}, now=NOW).id != first.id


def test_a_unique_job_takes_the_earlier_time_and_the_higher_priority(tx: Transaction) -> None:
    first = queue.submit(tx, "check", now=NOW, run_at=NOW + 600, priority=1)
    hastened = queue.submit(tx, "check", now=NOW, priority=5, unique=True)
    assert (hastened.id, hastened.run_at, hastened.priority) == (first.id, NOW, 5)
    unchanged = queue.submit(tx, "check", now=NOW, run_at=NOW + 900, priority=0, unique=True)
    assert unchanged == hastened


def test_a_unique_job_is_the_one_that_runs_unless_it_is_to_be_cancelled(tx: Transaction) -> None:
    first = queue.submit(tx, "check", now=NOW)
    running = queue.claim(tx, ["check"], "me", NOW, 60)
    assert queue.submit(tx, "check", now=NOW, priority=9, unique=True) == running
    queue.cancel(tx, first.id, NOW)
    assert queue.submit(tx, "check", now=NOW, unique=True).id != first.id


def test_a_unique_job_that_is_to_be_done_again_follows_the_one_that_runs(tx: Transaction) -> None:
    queue.submit(tx, "check", now=NOW)
    running = queue.claim(tx, ["check"], "me", NOW, 60)
    assert running is not None
    after = queue.submit(tx, "check", now=NOW, run_at=NOW + 5, unique=True, again=True)
    assert after.id != running.id
    assert queue.submit(tx, "check", now=NOW, unique=True, again=True) == queue.get(tx, after.id)
    assert queue.get(tx, after.id).run_at == NOW


def test_a_unique_job_is_added_again_once_the_last_has_ended(tx: Transaction) -> None:
    first = queue.submit(tx, "check", now=NOW)
    queue.cancel(tx, first.id, NOW)
    assert queue.submit(tx, "check", now=NOW, unique=True).id != first.id


def test_a_listing_is_newest_first_and_can_be_narrowed(tx: Transaction) -> None:
    ids = [queue.submit(tx, kind, now=NOW).id for kind in ("a", "b", "a", "b")]
    queue.cancel(tx, ids[2], NOW)
    assert [job.id for job in queue.listing(tx)] == ids[::-1]
    assert [job.id for job in queue.listing(tx, kinds=["a"])] == [ids[2], ids[0]]
    assert [job.id for job in queue.listing(tx, states=["queued"], limit=2)] == [ids[3], ids[1]]
    assert [job.id for job in queue.listing(tx, before=ids[1])] == [ids[0]]
    assert queue.listing(tx, kinds=[]) == []


def test_the_latest_is_of_the_same_kind_and_payload(tx: Transaction) -> None:
    old, new = (queue.submit(tx, "check", {"deep": True}, now=NOW) for _ in range(2))
    queue.submit(tx, "check", {"deep": False}, now=NOW)
    queue.cancel(tx, new.id, NOW)
    assert queue.latest(tx, "check", {"deep": True}) == queue.get(tx, new.id)
    assert queue.latest(tx, "check", {}) is None
    assert old.id < new.id


def test_only_what_ended_long_ago_is_pruned(tx: Transaction) -> None:
    long_ago, lately, waiting = (queue.submit(tx, "check", now=NOW).id for _ in range(3))
    queue.cancel(tx, long_ago, NOW)
    queue.cancel(tx, lately, NOW + 100)
    assert queue.prune(tx, NOW + 100) == 1
    assert [job.id for job in queue.listing(tx)] == [waiting, lately]
    with pytest.raises(NotFound, match=f"no job {long_ago}"):
        queue.get(tx, long_ago)


def test_the_id_of_a_pruned_job_is_not_used_again(tx: Transaction) -> None:
    last = queue.submit(tx, "check", now=NOW)
    queue.cancel(tx, last.id, NOW)
    assert queue.prune(tx, NOW + 1) == 1
    assert queue.submit(tx, "check", now=NOW).id > last.id
