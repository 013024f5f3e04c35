"""From a configuration to a running hub: what a start makes, holds, keeps and drops."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from tukar.cas import epochs
from tukar.cas.tables import xorbs
from tukar.catalog import users
from tukar.config import Config
from tukar.errors import Invalid, Unavailable
from tukar.hub import Hub, open_hub
from tukar.jobs import queue
from tukar.objects.sources import BytesSource
from tukar.testing.xet import MadeXorb
from tukar.usecases import accounts, publish


def epoch(hub: Hub) -> str:
    with hub.services.database.read() as tx:
        return epochs.current(tx, None)


def test_a_data_folder_is_made(tmp_path: Path) -> None:
    data = tmp_path / "a" / "b"
    with open_hub(Config(data=data)) as hub:
        assert hub.spool.is_dir()
        assert hub.spool.is_relative_to(data)
        assert {"lock", "objects", "staging", "database.sqlite"} <= {path.name for path in data.iterdir()}


def test_the_administrators_token_is_made_once(tmp_path: Path) -> None:
    with open_hub(Config(data=tmp_path)) as hub:
        token = hub.new_admin_token
        assert token
        assert accounts.authenticate(hub.services, token).is_admin
    with open_hub(Config(data=tmp_path)) as hub:
        assert hub.new_admin_token is None
        assert accounts.authenticate(hub.services, token).is_admin


def test_the_administrators_token_may_be_given(tmp_path: Path) -> None:
    for given in ("first-token-of-theirs", "second-token-of-theirs", "x"):
        with open_hub(Config(data=tmp_path, admin_token=given)) as hub:
            assert hub.new_admin_token is None
            assert accounts.authenticate(hub.services, given).is_admin


def test_a_data_folder_is_held_by_one(tmp_path: Path) -> None:
    with open_hub(Config(data=tmp_path)) as hub:
        before = epoch(hub)
        kept = hub.spool / "being-uploaded"
        kept.write_bytes(b"x")
        with pytest.raises(Unavailable, match="another process"), open_hub(Config(data=tmp_path)):
            pass
        assert epoch(hub) == before
        assert kept.exists()
    with open_hub(Config(data=tmp_path)):
        pass


def test_another_process_is_refused_too(tmp_path: Path) -> None:
    code = "from pathlib import Path; from tukar.config import Config; from tukar.hub import open_hub\n"
    code += f"with open_hub(Config(data=Path({str(tmp_path)!r}))): pass"
    with open_hub(Config(data=tmp_path)):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "another process has the data folder" in done.stderr
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_lock_is_let_go_when_opening_fails(tmp_path: Path) -> None:
    with pytest.raises(Unavailable), open_hub(Config(data=tmp_path, database_url="sqlite:////nowhere/at/all")):
        pass
    with open_hub(Config(data=tmp_path)):
        pass


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_file_in_the_place_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unavailable), open_hub(Config(data=tmp_path / name)):
        pass


def test_what_was_signed_before_is_good_after_a_start(tmp_path: Path) -> None:
    seen = set()
    for _ in range(2):
        with open_hub(Config(data=tmp_path)) as hub:
            assert len(hub.secret) == 32
            seen.add(hub.secret)
    assert len(seen) == 1
    with open_hub(Config(data=tmp_path / "other")) as hub:
        assert hub.secret not in seen


def test_a_start_begins_an_epoch_and_forgets_what_was_on_its_way(tmp_path: Path) -> None:
    made = MadeXorb((b"chunk" * 100,))
    with open_hub(Config(data=tmp_path)) as hub:
        before = epoch(hub)
        body = hub.spool / "body"
        body.write_bytes(made.body)
        hub.services.xorbs.receive(1, made.hash, body, 0.0)
        (hub.spool / "parts-1").mkdir()
        assert hub.services.xorbs.staging.path(made.hash).exists()
    with open_hub(Config(data=tmp_path)) as hub:
        assert epoch(hub) != before
        assert list(hub.spool.iterdir()) == []
        assert not hub.services.xorbs.staging.path(made.hash).exists()
        with hub.services.database.read() as tx:
            assert tx.execute(sa.select(xorbs)).all() == []


def test_a_landing_that_was_cut_off_is_swept(tmp_path: Path) -> None:
    data = os.urandom(5000)
    with open_hub(Config(data=tmp_path)) as hub:
        objects = hub.services.objects
        landing = objects.landing(0.0)
        landing.add(BytesSource(data))
        landing.seal()  # and then the process is killed: nothing is registered, nothing removed
        assert list(objects.storage.list(""))
    with open_hub(Config(data=tmp_path)) as hub:
        assert list(hub.services.objects.storage.list("")) == []


def test_what_was_stored_is_there_after_a_start(tmp_path: Path) -> None:
    with open_hub(Config(data=tmp_path)) as hub:
        with hub.services.database.write() as tx:
            user = users.create(tx, "alice", now=0.0)
        digest = hashlib.sha256(b"content").hexdigest()
        publish.receive(hub.services, user.id, BytesSource(b"content"), digest)
    with open_hub(Config(data=tmp_path)) as hub:
        reader = hub.services.objects.open_sha256(digest)
        assert reader.read(0, reader.size) == b"content"


def test_the_clock_is_the_one_that_is_given(tmp_path: Path) -> None:
    with open_hub(Config(data=tmp_path), lambda: 12.5) as hub, hub.services.database.read() as tx:
        assert hub.services.clock() == 12.5
        assert users.get(tx, "admin").created_at == 12.5


def test_background_jobs_are_done_while_the_runner_runs(tmp_path: Path) -> None:
    with open_hub(Config(data=tmp_path)) as hub:
        with hub.services.database.write() as tx:
            job = queue.submit(tx, "check", {}, now=hub.services.clock())
        hub.runner.wake()
        for _ in range(10):
            if not hub.runner.run_one():
                break
        with hub.services.database.read() as tx:
            assert queue.get(tx, job.id).state == "done"


@pytest.mark.parametrize("url", ["ftp://bucket", "bucket", "file:///tmp/bucket"])
def test_an_object_store_has_an_address_that_is_known(tmp_path: Path, url: str) -> None:
    with pytest.raises(Invalid), open_hub(Config(data=tmp_path, storage_url=url)):
        pass
    with open_hub(Config(data=tmp_path)):
        pass
