"""What other tools say of the same pairs: each with the thresholds that it comes with, by a call of its library.

All read model folders (``folders``) and are asked whether the second model of a pair descends from the first. None uses
the network. Versions are pinned in requirements/lineage-peers.txt:

- modeldna 0.1.0, https://pypi.org/project/modeldna: curves of deviations, vectors, samples of weights at the same
  places, and spectra, weighed into a probability. It abstains where it has no sure answer, and does not know BERT.
- weightscope 0.4.3, https://pypi.org/project/weightscope: the share of weights that did not change by more than 1e-6.
- cisco-ai-provenance-kit 1.0.0, https://pypi.org/project/cisco-ai-provenance-kit: what configurations say and, where
  that does not settle it, five likenesses of weights. Two of equal configuration are a "Confirmed Match" by that alone;
  what it says of weights is kept as ``identity``. It asks for Python 3.12, but neither its syntax nor what it imports
  needs more than 3.11.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

from benchmarks.lineage.folders import write
from benchmarks.lineage.measure import Result
from benchmarks.lineage.pairs import Pair, net

ERROR: Final = "error"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a tool says.

    Attributes:
        word: its own, or ``error``.
        is_related: whether that word says that one model descends from the other, as the tool documents it.
        score: what it decides by, from 0 to 1; None if there is none.
        details: more that it measured, by its own names; or the first line of an error.
        seconds: what it took.
    """

    word: str
    is_related: bool
    score: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool.

    Attributes:
        related: its words for two models of which one descends from the other.
        ask: its word, its score and more of two folders: the base, and the model that may descend from it.
    """

    related: frozenset[str]
    ask: Callable[[Path, Path], tuple[str, float | None, Mapping[str, Any]]]

    def verdict(self, base: Path, suspect: Path) -> Verdict:
        """Whatever the tool does."""
        began = time.perf_counter()
        try:
            word, score, details = self.ask(base, suspect)
        except Exception as error:  # anything: a tool that fails is a result
            word, score, details = ERROR, None, {ERROR: _first_line(error)}
        return Verdict(word, word in self.related, score, details, round(time.perf_counter() - began, 3))


def judge(folder: Path, pair: Pair) -> Result:
    """A pair, and for each tool its ``Verdict``."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # read when the tools are imported
    with tempfile.TemporaryDirectory(prefix="tukar-peers-") as place:
        paths = []
        for side, name in (("base", pair.a), ("suspect", pair.b)):
            words = "other" if "other words" in name else "word"
            paths.append(write(net(folder, pair.architecture, name), Path(place) / side, words))
        return asdict(pair) | {"verdicts": {name: asdict(peer.verdict(*paths)) for name, peer in PEERS.items()}}


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__


def _modeldna(base: Path, suspect: Path) -> tuple[str, float | None, Mapping[str, Any]]:
    from modeldna.scan import compare_pair

    *_, verdict = compare_pair(str(suspect), str(base))
    reason = verdict.best.ruled_out if verdict.best else None
    reasons = [found.ruled_out for found in verdict.candidates if found.ruled_out]
    return verdict.verdict.value, verdict.probability, {"reason": reason or next(iter(reasons), None)}


def _weightscope(base: Path, suspect: Path) -> tuple[str, float | None, Mapping[str, Any]]:
    from weightscope.lineage import find_lineage

    (found,) = find_lineage(str(suspect), [str(base)])
    if found.verdict == "failed":
        raise RuntimeError(found.error)
    return found.verdict, found.sparsity, {}


def _provenance_kit(base: Path, suspect: Path) -> tuple[str, float | None, Mapping[str, Any]]:
    scores = _scanner().compare(str(base), str(suspect)).scores
    return (
        scores.provenance_decision,
        scores.pipeline_score,
        {"identity": scores.identity_score, "tier": scores.mfi_tier},
    )


@cache
def _scanner() -> Any:
    import logging

    import structlog
    from provenancekit.core.scanner import ModelProvenanceScanner
    from provenancekit.services.cache import NullCache

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    return ModelProvenanceScanner(cache=NullCache())


PEERS: Final[Mapping[str, Peer]] = {
    "modeldna": Peer(
        # Neither SAME_FAMILY_UNRESOLVED, which of one candidate says that evidence is not conclusive, nor NO_MATCH.
        frozenset({"EXACT_COPY", "QUANTIZED_COPY", "FINE_TUNE", "SAME_LINEAGE", "LIKELY_MERGE"}),
        _modeldna,
    ),
    "weightscope": Peer(frozenset({"derived_from_base", "likely_descendant"}), _weightscope),
    "provenance-kit": Peer(
        # A "Weak Match" is below the 0.75 that the tool gives as its threshold.
        frozenset({"Confirmed Match", "High-Confidence Match"}),
        _provenance_kit,
    ),
}
"""By what they are called in results."""
