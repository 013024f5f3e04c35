"""A push that was cut is not seen, and what arrived is not sent again."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tukar.cli import pushing
from tukar.exchange import transfer

from .fake import REPOSITORY, FakeHub, Request, entry
from .files import contents, noise, write
from .hub import DEADLINE, Commands, Way, wait_for


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_push_that_was_ended(tukar: Commands, name: str, way: Way, tmp_path: Path, number: signal.Signals) -> None:
    files = {f"{each}.bin": noise(100 * number + each, 1 << 20) for each in range(6)}
    folder = write(tmp_path / "m", {**files, "readme.txt": b"small"})
    way.takes = 5 << 20
    process = tukar.at(way.url).start("push", folder, name)
    wait_for(lambda: way.taken > 5 << 20)
    process.send_signal(number)
    _, told = process.communicate(timeout=DEADLINE)
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL), told
    assert tukar.json("show", name)["files"] == []
    again = tukar.json("push", folder, name)
    assert "avoided" in {file["state"] for file in again["files"]}
    assert again["sent_bytes"] < 6 << 20
    tukar.json("pull", name, "--to", tmp_path / "pulled")
    assert contents(tmp_path / "pulled") == contents(folder)


def test_a_file_that_shrinks_under_the_push_is_not_committed(
    tukar: Commands, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "m", {"w.bin": noise(50, 3000)})
    hashed = pushing._ids

    def shrinking(*arguments: Any) -> dict[str, str]:
        ids: dict[str, str] = hashed(*arguments)
        write(folder, {"w.bin": b"short"})
        return ids

    monkeypatch.setattr(pushing, "_ids", shrinking)
    monkeypatch.setattr(transfer, "PAUSES", (0.01, 0.01))
    done = tukar("push", folder, name)
    assert done.code == 1
    assert "changed while it was read" in done.stderr
    assert tukar.json("show", name)["files"] == []


class PartsHub:
    """What a hub answers that takes one file, `w.bin`, in parts of a million bytes."""

    def __init__(self, fake: FakeHub, content: bytes) -> None:
        self.fake, self.content = fake, content
        self.parts: dict[str, bytes] = {}
        self.completed: list[bytes] = []
        self.failing = ["2"]
        wish = {"path": "w.bin", "uploadMode": "lfs", "shouldIgnore": False}
        me = {"name": "acme", "auth": {"accessToken": {"displayName": "t", "role": "write"}}}
        fake.says("GET /api/whoami-v2", lambda request: request.answer_json(me))
        fake.says("POST /api/repos/create", _answering({"url": fake.url}))
        fake.says("POST .*/preupload/", _answering({"files": [wish]}))
        fake.says("POST .*/commit/", _answering({"commitOid": "d" * 40, "commitUrl": "x"}))
        fake.says("POST .*objects/batch", self._batch)
        fake.says("PUT /part/", self._part)
        fake.says("POST /complete", self._complete)

    def _batch(self, request: Request) -> None:
        request.body()
        urls = {str(number): f"{self.fake.url}/part/{number}" for number in (1, 2, 3)}
        upload = {"href": f"{self.fake.url}/complete", "header": {"chunk_size": "1000000", **urls}}
        told = {"size": len(self.content), "oid": entry("w.bin", self.content)["lfs"]["oid"]}
        request.answer_json({"transfer": "multipart", "objects": [{**told, "actions": {"upload": upload}}]})

    def _part(self, request: Request) -> None:
        number, body = request.path.rpartition("/")[2], request.body()
        if number in self.failing:
            self.failing.remove(number)
            request.answer_json({"error": "out of breath"}, 503, Retry_After="0")
            return
        self.parts[number] = body
        request.answer(200, b"", ETag=f"tag-{number}")

    def _complete(self, request: Request) -> None:
        self.completed.append(request.body())
        request.answer(200, b"")


def _answering(value: object) -> Callable[[Request], None]:
    def answer(request: Request) -> None:
        request.body()
        request.answer_json(value)

    return answer


def test_a_part_that_the_hub_did_not_take_is_sent_again(deceived: Commands, fake: FakeHub, tmp_path: Path) -> None:
    hub = PartsHub(fake, noise(40, 2_500_000))
    pushed = deceived.json("push", write(tmp_path / "m", {"w.bin": hub.content}), REPOSITORY)
    assert pushed["sent_bytes"] == len(hub.content)
    assert b"".join(hub.parts[number] for number in ("1", "2", "3")) == hub.content
    assert b'{"partNumber": 2, "etag": "tag-2"}' in hub.completed[0]
    signed = [headers for _, path, headers in fake.requests if path.startswith(("/part", "/complete"))]
    assert len(signed) == 5
    assert not any("Authorization" in headers for headers in signed)
