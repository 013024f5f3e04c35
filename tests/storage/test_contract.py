"""Every storage, and every wrapper around one, keeps the storage contract."""

from __future__ import annotations

from pathlib import Path

import obstore.store
import pytest

from tukar.storage.base import Storage
from tukar.storage.cache import CacheStorage
from tukar.storage.folder import FolderStorage
from tukar.storage.memory import MemoryStorage
from tukar.storage.remote import ObjectStoreStorage
from tukar.storage.retry import RetryStorage
from tukar.testing.storage import StorageContract


class TestMemoryStorage(StorageContract):
    @pytest.fixture
    def storage(self) -> Storage:
        return MemoryStorage()


class TestFolderStorage(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        return FolderStorage(tmp_path / "store")


class TestObjectStoreInMemory(StorageContract):
    @pytest.fixture
    def storage(self) -> Storage:
        return ObjectStoreStorage(obstore.store.MemoryStore())


class TestObjectStoreInAFolder(StorageContract):
    """obstore's own folders: a second implementation to test against, not one that Tukar offers."""

    # They have errors of their own where a folder turns out to be a file, and lengthen names while they write.
    test_what_would_lie_below_a_blob_is_not_found = None
    test_deleting_what_would_lie_above_or_below_a_blob_is_no_error = None
    test_a_component_may_have_255_letters = None

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        return ObjectStoreStorage(obstore.store.LocalStore(tmp_path))


class TestRetryStorage(StorageContract):
    @pytest.fixture
    def storage(self) -> Storage:
        return RetryStorage(MemoryStorage())


class TestCacheStorage(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        return CacheStorage(MemoryStorage(), tmp_path / "cache", 64 << 20)


class TestCacheOfFewNarrowSegments(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        return CacheStorage(FolderStorage(tmp_path / "store"), tmp_path / "cache", 1 << 20, width=60_000)


class TestEverythingInARow(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        remote = ObjectStoreStorage(obstore.store.MemoryStore())
        return CacheStorage(RetryStorage(remote), tmp_path / "cache", 3 << 20)
