"""Benchmarks are run from the root of the tree, which is what Python puts first there: the tests do the same."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
