"""Writes tests/xet/data anew from what the installed client sends: ``python -m xet.capture`` in the folder tests."""

import hashlib
import json
import os
import tempfile
from pathlib import Path

from . import cas, content

DATA = Path(__file__).parent / "data"


def upload(files: dict[str, bytes]) -> tuple[cas.Cas, dict[str, str]]:
    """What the client sent for these files, and the Xet hash that it gave each."""
    import hf_xet

    store = cas.Cas()
    with cas.serve(store) as url:
        with hf_xet.XetSession().new_upload_commit(endpoint=url, token="any") as commit:
            handles = {
                name: commit.start_upload_bytes(data, sha256=hashlib.sha256(data).hexdigest(), name=name)
                for name, data in files.items()
            }
        return store, {name: handle.result().xet_info.hash for name, handle in handles.items()}


def main() -> None:
    expected = {}
    for kind, files in (("small", content.SMALL), ("large", content.large())):
        store, hashes = upload(files)
        (shard,) = store.shards
        (DATA / f"{kind}.shard").write_bytes(shard)
        bodies = {
            name: {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body)} for name, body in store.bodies.items()
        }
        expected[kind] = {"files": hashes, "xorbs": bodies}
        if kind == "small":
            ((_, body),) = store.bodies.items()
            (DATA / "small.xorb").write_bytes(body)
    (DATA / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as cache:
        os.environ["HF_XET_CACHE"] = cache
        main()
