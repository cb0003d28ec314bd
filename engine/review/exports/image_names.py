"""How other programs find the images of a run: names relative to the data set's folder. No file is opened."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from urllib.parse import quote

WEB_ADDRESS = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True)
class ImageNames:
    """The images of one or several tables."""

    sources: tuple[str, ...]
    """paths of the tables, in the order of their pairs"""

    @cached_property
    def folder(self) -> str:
        """The folder that names are relative to: the tables', or the nearest one that holds all of theirs."""
        folders = [str(Path(source).parent) for source in self.sources]
        try:
            return os.path.commonpath(folders)
        except ValueError:  # no table at all, or relative and absolute ones mixed
            return folders[0] if folders else "."

    def relative(self, source: str, image: str) -> str:
        """The name of an image relative to `folder`, with slashes; a web address as it stands."""
        if WEB_ADDRESS.match(image):
            return image
        return str(PurePosixPath(self._inside[source], image))

    @cached_property
    def _inside(self) -> dict[str, str]:
        """Table → its own folder, relative to `folder`."""
        return {one: Path(os.path.relpath(Path(one).parent, self.folder)).as_posix() for one in self.sources}

    def address(self, source: str, image: str, root: str) -> str:
        """`root` and the percent-encoded name of an image; a web address as it stands."""
        name = self.relative(source, image)
        return name if WEB_ADDRESS.match(name) else root + quote(name, safe="/")
