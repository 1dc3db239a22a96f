"""An object store in a folder, the default.

A write goes to a hidden file beside its place, reaches the disk, and is then renamed: a power cut
leaves the old object or the new one, never a mixture. Conditional writes to a folder take turns by a lock
on a hidden file in it, which the system gives back when a process ends.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from pipeline.objects.base import ObjectMissing, StoreError, checked_key, checked_size, is_key


class LocalStore:
    """Objects as files under a root folder, which is made when first written to."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __repr__(self) -> str:
        return f"LocalStore({str(self.root)!r})"

    def get(self, key: str) -> bytes:
        """The object's bytes; raises ObjectMissing if there is none."""
        path = self._path(key)
        try:
            checked_size(key, path.stat().st_size)
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise ObjectMissing(f"no object {key!r} in {self.root}") from None
        except OSError as error:
            raise self._failure("read", key, error) from error

    def put(self, key: str, data: bytes) -> None:
        """Write the object whole, replacing what was there."""
        path = self._path(key)
        partial = path.with_name(f".{uuid4().hex}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            _sync_folder(path.parent)  # the rename itself is only safe once its folder is on disk
        except OSError as error:
            raise self._failure("write", key, error) from error
        finally:
            with suppress(OSError):  # gone already, unless something failed
                partial.unlink()

    def get_tagged(self, key: str) -> tuple[bytes, str]:
        """The object's bytes and a digest of them; raises ObjectMissing if there is none."""
        data = self.get(key)
        return data, sha256(data).hexdigest()

    def put_if(self, key: str, data: bytes, tag: str | None) -> bool:
        """Write the object only if what is there still has the tag, or if nothing is there for None."""
        with self._turn(key):
            try:
                _, there = self.get_tagged(key)
            except ObjectMissing:
                there = None
            if there != tag:
                return False
            self.put(key, data)
            return True

    def exists(self, key: str) -> bool:
        """Whether there is an object of that key."""
        return self._path(key).is_file()

    def list(self, prefix: str) -> list[str]:
        """The keys that start with the prefix, sorted; all of them for an empty prefix."""
        folder = prefix.rpartition("/")[0]
        start = self._path(folder) if folder else self.root
        keys: list[str] = []
        for parent, folders, files in os.walk(start):
            folders[:] = [name for name in folders if not name.startswith(".")]
            base = Path(parent).relative_to(self.root)
            keys.extend((base / name).as_posix() for name in files if not name.startswith("."))
        return sorted(key for key in keys if key.startswith(prefix) and is_key(key))

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens if there is none."""
        try:
            self._path(key).unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise self._failure("delete", key, error) from error

    @contextmanager
    def _turn(self, key: str) -> Iterator[None]:
        folder = self._path(key).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder / ".turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._failure("write", key, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _path(self, key: str) -> Path:
        return self.root / checked_key(key)

    def _failure(self, act: str, key: str, error: OSError) -> StoreError:
        return StoreError(f"cannot {act} {key!r} in {self.root}: {error.strerror or error}")


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
