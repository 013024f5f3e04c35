"""What two models share does not travel twice, and what is sent is what a hub would have stored."""

import json
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from tukar.cli import cuts
from tukar.cli.cuts import FolderSource
from tukar.cli.sources import LocalFile
from tukar.config import Config
from tukar.errors import Conflict
from tukar.hub import open_hub
from tukar.objects.sources import BytesSource
from tukar.testing.models import tiny_safetensors
from tukar.usecases import hand_over

from .fake import REPOSITORY, FakeHub
from .files import contents, noise, write
from .hub import Commands, Way

TENSOR = 200_000
COUNT = 103
CHANGED = 12


def model(tensors: Mapping[str, bytes]) -> bytes:
    """A safetensors file of these tensors."""
    header, at = {}, 0
    for name, data in tensors.items():
        header[name] = {"dtype": "U8", "shape": [len(data)], "data_offsets": [at, at + len(data)]}
        at += len(data)
    encoded = json.dumps(header).encode()
    return len(encoded).to_bytes(8, "little") + encoded + b"".join(tensors.values())


@pytest.fixture(scope="session")
def base() -> dict[str, bytes]:
    return {f"layers.{number}.weight": noise(7000 + number, TENSOR) for number in range(COUNT)}


@pytest.fixture(scope="session")
def child(base: dict[str, bytes]) -> dict[str, bytes]:
    """Shares 91 of 103 tensors."""
    changed = random.Random(1).sample(sorted(base), CHANGED)
    return base | {name: noise(8000 + number, TENSOR) for number, name in enumerate(changed)}


@pytest.fixture
def base_pushed(tukar: Commands, name: str, base: dict[str, bytes], tmp_path: Path) -> str:
    tukar.json("push", write(tmp_path / "base", {"model.safetensors": model(base)}), name)
    return name


# The header of the model, the manifest, what HTTP says, and the digests that are asked about.
MORE = 120_000


def test_a_child_sends_only_what_its_base_has_not(
    tukar: Commands, way: Way, base_pushed: str, child: dict[str, bytes], tmp_path: Path
) -> None:
    folder = write(tmp_path / "child", {"model.safetensors": model(child)})
    pushed = tukar.at(way.url).json("push", folder, f"{base_pushed}-child")
    assert pushed["via"] == "objects"
    assert CHANGED * TENSOR < pushed["sent_bytes"] <= way.taken < CHANGED * TENSOR + MORE
    assert 0 <= pushed["avoided_bytes"] - (COUNT - CHANGED) * TENSOR < MORE
    tukar.json("pull", f"{base_pushed}-child", "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == contents(folder)


def test_a_new_revision_fetches_only_what_the_folder_has_not(
    tukar: Commands, way: Way, base_pushed: str, child: dict[str, bytes], tmp_path: Path
) -> None:
    tukar.json("pull", base_pushed, "--to", tmp_path / "pulled")
    tukar.json("push", write(tmp_path / "child", {"model.safetensors": model(child)}), base_pushed)
    pulled = tukar.at(way.url).json("pull", base_pushed, "--to", tmp_path / "pulled")
    assert pulled["via"] == "objects"
    assert CHANGED * TENSOR < pulled["fetched_bytes"] <= way.passed < CHANGED * TENSOR + MORE
    header = len(model(child)) - COUNT * TENSOR
    assert (COUNT - CHANGED) * TENSOR <= pulled["avoided_bytes"] <= (COUNT - CHANGED) * TENSOR + header
    assert contents(tmp_path / "pulled") == contents(tmp_path / "child")


def test_a_file_under_another_name_is_not_fetched(tukar: Commands, way: Way, name: str, tmp_path: Path) -> None:
    tukar.json("push", write(tmp_path / "one", {"a.bin": noise(91, 500_000)}), name)
    tukar.json("pull", name, "--to", tmp_path / "pulled")
    tukar.json("push", write(tmp_path / "two", {"b.bin": noise(91, 500_000)}), name)
    pulled = tukar.at(way.url).json("pull", name, "--to", tmp_path / "pulled")
    assert (way.passed < 10_000, pulled["avoided_bytes"]) == (True, 500_000)
    assert contents(tmp_path / "pulled") == {"a.bin": noise(91, 500_000), "b.bin": noise(91, 500_000)}


def test_what_is_in_several_files_travels_once(tukar: Commands, way: Way, name: str, tmp_path: Path) -> None:
    tensors = [(f"layers.{number}", noise(9000 + number, TENSOR)) for number in range(15)]
    files = {f"{part}.safetensors": model(dict(tensors[part : part + 10])) for part in (0, 5)}
    files["copy.safetensors"] = files["0.safetensors"]
    folder = write(tmp_path / "m", files)
    pushed = tukar.at(way.url).json("push", folder, name)
    assert 15 * TENSOR < pushed["sent_bytes"] <= way.taken < 15 * TENSOR + MORE
    assert sum(pushed[key] for key in ("sent_bytes", "avoided_bytes")) >= sum(map(len, files.values()))
    pulled = tukar.at(way.url).json("pull", name, "--to", tmp_path / "pulled")
    assert 15 * TENSOR < pulled["fetched_bytes"] <= way.passed < 15 * TENSOR + MORE
    assert contents(tmp_path / "pulled") == files


def test_a_place_that_changed_meanwhile_is_not_relied_on(
    tukar: Commands, base_pushed: str, child: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody writes into the old file after its tensors were found there: they are fetched."""
    from tukar.cli import fetching

    tukar.json("pull", base_pushed, "--to", tmp_path / "pulled")
    tukar.json("push", write(tmp_path / "child", {"model.safetensors": model(child)}), base_pushed)
    places_in = fetching.places_in

    def disturbed(path: Path, *arguments: object) -> object:
        found = places_in(path, *arguments)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        return found

    monkeypatch.setattr(fetching, "places_in", disturbed)
    pulled = tukar.json("pull", base_pushed, "--to", tmp_path / "pulled")
    assert pulled["fetched_bytes"] > (CHANGED + 1) * TENSOR
    assert contents(tmp_path / "pulled") == contents(tmp_path / "child")


def test_a_hub_of_another_kind_is_asked_for_files(deceived: Commands, fake: FakeHub, tmp_path: Path) -> None:
    pulled = deceived.json("pull", REPOSITORY, "--to", tmp_path / "pulled")
    assert pulled["via"] == "files"
    assert pulled["fetched_bytes"] == sum(map(len, fake.files.values()))
    assert contents(tmp_path / "pulled") == fake.files


@pytest.mark.parametrize("first", ["files", "objects"])
def test_what_came_one_way_goes_on_the_other(
    tukar: Commands, way: Way, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    content = model({"a": noise(95, 1_500_000), "b": noise(96, 1_500_000)})
    tukar.json("push", write(tmp_path / "m", {"model.safetensors": content}), name)
    with monkeypatch.context() as patched:
        if first == "files":
            patched.setattr("tukar.exchange.tree.listed", lambda *_: None)
        patched.setattr("tukar.exchange.transfer.PAUSES", (0.0,))
        patched.setattr("tukar.cli.download.PAUSES", (0.0,))
        way.cuts_at = [2_000_000, *range(2_000_001, 2_000_100)]
        assert tukar.at(way.url)("pull", name, "--to", tmp_path / "pulled").code == 1
        way.cuts_at = []
    if first == "objects":
        monkeypatch.setattr("tukar.exchange.tree.listed", lambda *_: None)
    way.passed = 0
    pulled = tukar.at(way.url).json("pull", name, "--to", tmp_path / "pulled")
    assert pulled["via"] != first
    assert contents(tmp_path / "pulled") == {"model.safetensors": content}
    assert way.passed < 1_700_000


CONTENTS = {
    "model.safetensors": tiny_safetensors(0) + b"",
    "large.bin": noise(92, 9_000_000),
    "text.json": json.dumps({str(number): "x" * 50 for number in range(300_000)}).encode(),
    "tiny.bin": b"x",
    "empty.bin": b"",
}


def test_what_is_sent_is_what_a_hub_would_have_stored(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", CONTENTS)
    made = [
        cuts.cut(LocalFile(folder / name, name, len(content)), lambda _: None) for name, content in CONTENTS.items()
    ]
    source = FolderSource(made)
    with open_hub(Config(data=tmp_path / "data")) as hub:
        with hub.services.objects.landing(0.0) as landing:
            for content in CONTENTS.values():
                landing.add(BytesSource(content))
            landing.seal()
            with hub.services.database.write() as tx:
                landing.register(tx)
        stored = hand_over.source(hub.services, lambda file_id: file_id > 0)
        for digest in source.objects:
            with source.read([digest]) as sent, stored.read([digest]) as expected:
                assert b"".join(sent) == b"".join(expected)


@pytest.mark.parametrize("name", ["large.bin", "text.json"])
def test_it_goes_on_at_any_byte(tmp_path: Path, name: str) -> None:
    from tukar.objects import stream
    from tukar.objects.stream import Input, Start

    folder = write(tmp_path / "m", CONTENTS)
    made = cuts.cut(LocalFile(folder / name, name, len(CONTENTS[name])), lambda _: None)
    source, digest = FolderSource([made]), made.manifest.parts[0].digest
    with source.read([digest]) as pieces:
        whole = b"".join(pieces)
    begun = stream.read_header(Input([whole]))
    assert begun is not None
    record = begun[0]
    body = whole[len(stream.header(record)) :]
    assert len(body) == record.stored_size
    for stored in (1, 100_000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, len(body) - 1, len(body)):
        stored = min(stored, len(body))
        with source.read([digest], Start(stream.name(record), stored)) as pieces:
            assert b"".join(pieces) == stream.header(record, stored) + body[stored:]


def test_a_file_that_is_written_to_is_not_sent(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", {"w.bin": noise(93, 5000)})
    made = cuts.cut(LocalFile(folder / "w.bin", "w.bin", 5000), lambda _: None)
    write(folder, {"w.bin": noise(94, 5000)})
    source = FolderSource([made])
    with source.read(list(source.objects)) as pieces, pytest.raises(Conflict, match="changed while it was read"):
        list(pieces)
