"""The table at the end of the demo."""

from __future__ import annotations

import demo


def _row(pushed: float | None) -> demo.Row:
    return demo.Row("minilm", "model.safetensors", 90_868_376, 80_000_000, pushed, 2.5, True)


def test_the_times_are_of_this_run() -> None:
    assert "1.5 s   2.5 s" in demo.table([_row(1.5)])


def test_a_push_of_an_earlier_run_has_no_time() -> None:
    told = demo.table([_row(None)])
    assert "earlier   2.5 s" in told
    assert told.count(" s ") == 1
