"""A few things made lately, by name: what has not been asked for longest goes first. No Streamlit here."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any


class LastUsed:
    """Keeps what was made until `most` others were used after it; may be asked by several threads."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._made: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def made(self, name: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` returns, made once as long as it is kept; two threads that make it at once make the same."""
        with self._lock:
            if name in self._made:
                self._made.move_to_end(name)
                return self._made[name]
        made = make()
        with self._lock:
            made = self._made.setdefault(name, made)
            while len(self._made) > self.most:
                self._made.popitem(last=False)
        return made
