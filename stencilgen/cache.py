"""Results of earlier builds, by the fingerprint of what they were made from.

One file, replaced as a whole: a digest of the rest, and the rest. A cache that cannot be read (a cut-off write, a flipped bit)
or that another stencilgen has written, whose classes may be others, is an empty one: all it costs is time.
"""

import hashlib
import os
import pickle
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stencilgen.errors import UserError

__all__ = ["Cache"]

_MARK = hashlib.sha256().digest_size


class Cache:
    """A dictionary that outlives the process. `enabled=False` neither reads nor writes the file.

    maker: says which stencilgen this is. What another has written is not read, and so not written again either.
    """

    def __init__(self, path: Path, *, maker: str = "", enabled: bool = True) -> None:
        self._path = path
        self._maker = maker.encode()
        self._enabled = enabled
        self._entries: dict[str, Any] = self._load() if enabled else {}
        self._changed = False

    def _load(self) -> dict[str, Any]:
        try:
            content = self._path.read_bytes()
        except OSError:
            return {}
        mark, pickled = content[:_MARK], content[_MARK:]
        if self._mark(pickled) != mark:
            return {}
        try:
            entries: dict[str, Any] = pickle.loads(pickled)
        except (pickle.UnpicklingError, AttributeError, ImportError, TypeError):  # of other versions of our classes
            return {}
        return entries

    def _mark(self, pickled: bytes) -> bytes:
        return hashlib.sha256(self._maker + pickled).digest()

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __getitem__(self, key: str) -> Any:
        return self._entries[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._entries[key] = value
        self._changed = True

    def save(self, keep: Iterable[str] | None) -> None:
        """Write what changed; with `keep`, forget every entry that is not among these keys."""
        if not self._enabled:
            return
        if keep is not None:
            wanted = set(keep)
            if len(wanted) < len(self._entries):
                self._entries = {key: value for key, value in self._entries.items() if key in wanted}
                self._changed = True
        if not self._changed:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            pickled = pickle.dumps(self._entries, protocol=pickle.HIGHEST_PROTOCOL)
            partial.write_bytes(self._mark(pickled) + pickled)
            partial.replace(self._path)
        except OSError as error:
            raise UserError(f"cannot write the cache: {error.strerror}", file=self._path) from None
        finally:
            partial.unlink(missing_ok=True)
