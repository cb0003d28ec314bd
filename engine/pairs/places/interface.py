"""What a kind of place supplies: somewhere that holds the bytes of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Place(Protocol):
    """Folders, or containers of one kind. All methods may be called by several threads at once."""

    def takes(self, place: Path) -> bool:
        """Whether `place` is of this kind, by its name and a look at most."""
        ...

    def find(self, place: Path, image: str) -> str:
        """Which picture `image` names: rows with the same answer show the same picture. Nothing is decoded.

        Args:
            place: of this kind.
            image: a name that `engine.pairs.images.check_name` let through.

        Raises:
            RejectedImage: if there is no such picture, or it must not be read.
        """
        ...

    def read(self, place: Path, image: str) -> bytes:
        """The picture as it is stored, not empty, at most `engine.pairs.images.MAX_FILE_BYTES`.

        Raises:
            RejectedImage: if there is no such picture, it must not be read, or reading fails.
        """
        ...
