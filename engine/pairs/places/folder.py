"""Pictures that are files in a folder."""

from __future__ import annotations

from pathlib import Path

from engine.pairs.images import MISSING, NOT_A_FILE, OUTSIDE, RejectedImage, read_bytes


class FolderPlace:
    """A folder and the folders below it; what lies outside is never read, through links neither."""

    def takes(self, place: Path) -> bool:
        """Whether it is a folder."""
        return place.is_dir()

    def find(self, place: Path, image: str) -> str:
        """The file's own path, links resolved.

        Raises:
            RejectedImage: if it is no file, or lies outside the folder.
        """
        return str(_file(place, image))

    def read(self, place: Path, image: str) -> bytes:
        """The bytes of the file.

        Raises:
            RejectedImage: as `find`, or if it cannot be read, is empty or too large.
        """
        return read_bytes(_file(place, image))


def _file(folder: Path, image: str) -> Path:
    try:
        path = (folder / image).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise RejectedImage(OUTSIDE)
        if not path.exists():
            raise RejectedImage(MISSING)
        if not path.is_file():
            raise RejectedImage(NOT_A_FILE)
    except (OSError, RuntimeError) as error:  # name too long, links in a circle
        raise RejectedImage(MISSING) from error
    return path
