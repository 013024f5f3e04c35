"""Which pairs of models are held against each other, and what is known of them.

A *kin* pair is a base and what was made of it: by more training, by one change, by several one after another, by a
merge, or by long training and then every disguise. *Siblings* were made of one base. *Strangers* are of two independent
trainings. *Twins* began with the same random values and saw the data in another order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.lineage import zoo
from benchmarks.lineage.changes import SYMMETRIES, Change, symmetries
from benchmarks.lineage.losses import LOSSES, graft, merge
from benchmarks.lineage.net import Net, read
from tukar.lineage.weights import Weights
from tukar.objects.sources import FileSource

HEADS: Final = 4
KEYS: Final[Mapping[str, int]] = {"llama": 2, "gpt2": 4, "bert": 4}
TRAINED: Final = ("tuned", "adapted", "more")
COMPOUNDS: Final = 8  # of each family, drawn by chance
_DIRECTED: Final = frozenset(LOSSES) - {"float16", "other words"}
KINDS: Final[Mapping[str, str]] = {
    "tuned": "finetune",
    "adapted": "adapter",
    "more": "finetune",
    "float16": "identical",
    "float8": "cast",
    "int8": "quantised",
    "int4": "quantised",
    "half of the weights": "pruned",
    "noise": "finetune",
    "a quarter of the neurons": "neurons-pruned",
    "half of the neurons": "neurons-pruned",
    "a layer dropped": "layers-dropped",
    "layers doubled": "layers-duplicated",
    "more words": "vocabulary",
    "other words": "vocabulary",
    **dict.fromkeys(SYMMETRIES, "disguised"),
    **{f"merged, {share:.0%} of it": "merge" for share in (0.5, 0.3, 0.15)},
    "half of the layers grafted": "layers-replaced",
}
"""What each single change is to be called."""

HIDDEN: Final[Mapping[str, Sequence[str]]] = {
    "more, every disguise": (),
    "more, int4, every disguise": ("int4",),
    "more, a layer dropped, every disguise": ("a layer dropped",),
    "more, half of the neurons, every disguise": ("half of the neurons",),
    "more, other words, every disguise": ("other words",),
    "more, all four, every disguise": ("int4", "a layer dropped", "half of the neurons", "other words"),
}
"""Training as long again and what was lost after it, before every disguise: reported one by one."""

_SHARES: Final = (0.5, 0.3, 0.15)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two models by what they are called; see ``net``.

    Attributes:
        truth: kin, siblings, twins or strangers.
        how: what was done, or of what kind strangers are.
    """

    architecture: str
    a: str
    b: str
    truth: str
    how: str


def listed(numbers: range, children: int) -> list[Pair]:
    """All pairs of some families of each architecture, with so many of strangers' children, always in one order."""
    found: list[Pair] = []
    for name in zoo.ARCHITECTURES:
        found += [pair for number in numbers for pair in (*kin(name, number), *siblings(name, number))]
        found += [*strangers(name, numbers), *twins(name, numbers), *strange_children(name, numbers, children)]
    return found


def kin(architecture: str, number: int) -> Iterator[Pair]:
    """A base with everything that was made of it."""
    base = f"{number:02}/base"
    for name in TRAINED:
        yield Pair(architecture, base, f"{number:02}/{name}", "kin", name)
    for name in (*LOSSES, *symmetries(architecture)):
        yield Pair(architecture, base, f"{base}+{name}", "kin", name)
    for share in _SHARES:
        yield Pair(architecture, base, f"{base}+merged {share}", "kin", f"merged, {share:.0%} of it")
    yield Pair(architecture, base, f"{base}+grafted", "kin", "half of the layers grafted")
    for place in range(COMPOUNDS):
        steps = compound(architecture, number, place)
        yield Pair(architecture, base, f"{number:02}/{'+'.join(steps)}", "kin", f"{len(steps) - 1} changes")
    for how, losses in HIDDEN.items():
        steps = "+".join(("more", *losses, *symmetries(architecture)))
        yield Pair(architecture, base, f"{number:02}/{steps}", "kin", how)


def siblings(architecture: str, number: int) -> Iterator[Pair]:
    """What was made of one base, by as much training, and by far more of it."""
    for one, other in (("tuned", "adapted"), ("tuned", "more"), ("adapted", "more")):
        yield Pair(architecture, f"{number:02}/{one}", f"{number:02}/{other}", "siblings", f"{one} and {other}")


def has_direction(name: str) -> bool:
    """Whether anything tells that a model was made of its base: what only rearranges it does not, nor float16, which
    holds all numbers of the zoo, nor another vocabulary or other layers, which stand beside the base's.
    """
    trained, *changes = name.split("/")[1].split("+")
    return trained != "base" or any(change in _DIRECTED or change.startswith("merged") for change in changes)


def compound(architecture: str, number: int, place: int) -> list[str]:
    """A trained model, and two to six changes of it, by chance but always the same."""
    chance = np.random.default_rng([number, place, *architecture.encode()])
    known = [*LOSSES, *symmetries(architecture)]
    chosen = chance.choice(known, 2 + place % 5, replace=False)
    return [str(chance.choice(["base", *TRAINED])), *map(str, chosen)]


def strangers(architecture: str, numbers: range) -> Iterator[Pair]:
    """All pairs of bases."""
    for one, other in combinations(numbers, 2):
        yield Pair(architecture, f"{one:02}/base", f"{other:02}/base", "strangers", "bases")


def strange_children(architecture: str, numbers: range, count: int) -> Iterator[Pair]:
    """Pairs of what was made of different bases, by chance but always the same."""
    chance = np.random.default_rng([len(numbers), *architecture.encode()])
    made = {number: [pair.b for pair in kin(architecture, number) if _is_own(pair.b)] for number in numbers}
    for _ in range(count):
        one, other = chance.choice(numbers, 2, replace=False)
        a, b = (str(chance.choice(made[int(number)])) for number in (one, other))
        yield Pair(architecture, a, b, "strangers", "children")


def _is_own(name: str) -> bool:
    """Whether nothing of another family is in it."""
    return "merged" not in name and "grafted" not in name


def twins(architecture: str, numbers: range) -> Iterator[Pair]:
    """Of those that have one."""
    for number in numbers:
        if number % 4 == 0:
            yield Pair(architecture, f"{number:02}/base", f"{number:02}/twin", "twins", "the same start")


def net(folder: Path, architecture: str, name: str) -> Net:
    """What a name stands for: a family, a model of it that was trained, and the changes that it went through."""
    trained, *changes = name.split("+")
    made = _trained(folder, architecture, trained)
    number = int(trained.partition("/")[0])
    for place, change in enumerate(changes):
        chance = np.random.default_rng([number, place, *change.encode()])
        if change.startswith("merged"):
            made = merge(made, _stranger(folder, architecture, number), float(change.removeprefix("merged")))
        elif change == "grafted":
            made = graft(made, _stranger(folder, architecture, number))
        else:
            made = _change(architecture, change)(made, chance)
    return made


def _change(architecture: str, name: str) -> Change:
    return LOSSES[name] if name in LOSSES else symmetries(architecture)[name]


def _stranger(folder: Path, architecture: str, number: int) -> Net:
    """The base of the family beside, of the same half of the zoo."""
    return _trained(folder, architecture, f"{number ^ 1:02}/base")


@cache
def _trained(folder: Path, architecture: str, name: str) -> Net:
    number, _, model = name.partition("/")
    with FileSource(folder / f"{architecture}-{number}" / model / "model.safetensors") as file:
        weights = Weights([file])
        tensors = {each: weights.read(each) for each in weights}
    return read(architecture, tensors, HEADS, KEYS[architecture])
