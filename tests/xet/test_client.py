"""The real client uploads to a CAS made of this package, and gets its bytes back."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import cas, content

hf_xet = pytest.importorskip("hf_xet")

pytestmark = pytest.mark.slow

FILES = {**content.SMALL, **content.large(), "one byte": b"x", "zeros": bytes(5_000_000)}


@pytest.fixture(params=[(1,), (1, 2)], ids=["version 1 only", "version 2"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[cas.Cas]:
    monkeypatch.setenv("HF_XET_CACHE", str(tmp_path / "cache"))
    store = cas.Cas(versions=request.param)
    with cas.serve(store):
        yield store


def test_client_gets_back_what_it_uploaded(store: cas.Cas, tmp_path: Path) -> None:
    session = hf_xet.XetSession()
    with session.new_upload_commit(endpoint=store.url, token="any") as commit:
        handles = {name: commit.start_upload_bytes(data, name=name) for name, data in FILES.items()}
    infos = {name: handle.result().xet_info for name, handle in handles.items()}
    with session.new_file_download_group(endpoint=store.url, token="any") as group:
        for name, info in infos.items():
            group.start_download_file(info, str(tmp_path / name))
    assert {name: (tmp_path / name).read_bytes() for name in FILES} == FILES
    stated = {file.sha256 for file in store.files.values()}
    assert stated == {hashlib.sha256(data).hexdigest() for data in FILES.values()}


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (70_000, 70_001), (499_999, 1_300_001), (1_899_999, 1_900_000)])
def test_client_gets_a_range(store: cas.Cas, start: int, stop: int) -> None:
    data = FILES["second"]
    session = hf_xet.XetSession()
    with session.new_upload_commit(endpoint=store.url, token="any") as commit:
        handle = commit.start_upload_bytes(data)
    group = session.new_download_stream_group(endpoint=store.url, token="any")
    assert b"".join(group.download_stream(handle.result().xet_info, start, stop)) == data[start:stop]
