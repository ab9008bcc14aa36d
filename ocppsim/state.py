"""What a charge point keeps: JSON values by key, in memory, or on disk with a `state_dir`."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import rpc

if TYPE_CHECKING:
    from .store import Rows, Store

__all__ = ["State", "open_store"]

KIND = "state"


def open_store(
    folder: Path,
    name: str,
    log: logging.LoggerAdapter[logging.Logger],
    verify: Callable[[Rows], object],
) -> Store:
    """A store, open. Raises StateError."""
    # few need it, and SQLite takes its time to import
    from .store import Store

    store = Store(folder, name, log, verify)
    store.open()
    return store


class State(MutableMapping[str, Any]):
    """JSON values by key: ``cp.state``. For any thread.

    A value is copied in and out: what is to be kept has to be set. With a `state_dir` it is on the
    disk when the assignment is done, and there in the next process. Raises TypeError or ValueError
    for what is no JSON, StateError once the charge point is closed.
    """

    __slots__ = ("_lock", "_store", "_texts")

    def __init__(self, store: Store | None = None) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._texts: dict[str, str] = {}
        self.load()

    def load(self) -> None:
        """Take what the store has, after it was opened."""
        if self._store is not None:
            with self._lock:
                self._texts = self._store.rows(KIND)

    def __getitem__(self, key: str) -> Any:
        return json.loads(self._texts[key])

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(key, str):
            raise TypeError(f"a key of the state is a text, not {key!r:.80}")
        text = rpc.to_json(value)
        with self._lock:
            if self._store is not None and self._texts.get(key) != text:
                self._store.write({(KIND, key): text})
            self._texts[key] = text

    def __delitem__(self, key: str) -> None:
        with self._lock:
            del self._texts[key]
            if self._store is not None:
                self._store.write({(KIND, key): None})

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter(list(self._texts))

    def __len__(self) -> int:
        return len(self._texts)

    def __repr__(self) -> str:
        return f"<State {dict(self)!r}>"
