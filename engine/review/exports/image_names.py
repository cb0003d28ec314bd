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
    """The images of one or several places; a container counts as a folder of what it holds."""

    places: tuple[str, ...]
    """folders and containers, in the order of the pairs"""

    @cached_property
    def folder(self) -> str:
        """The folder that names are relative to: the images', or the nearest one that holds all of them."""
        try:
            return os.path.commonpath(self.places)
        except ValueError:  # no place at all, or relative and absolute ones mixed
            return self.places[0] if self.places else "."

    def relative(self, place: str, image: str) -> str:
        """The name of an image relative to `folder`, with slashes; a web address as it stands."""
        if WEB_ADDRESS.match(image):
            return image
        return str(PurePosixPath(self._inside[place], image))

    @cached_property
    def _inside(self) -> dict[str, str]:
        """Place → the same, relative to `folder`."""
        return {one: Path(os.path.relpath(one, self.folder)).as_posix() for one in self.places}

    def address(self, place: str, image: str, root: str) -> str:
        """`root` and the percent-encoded name of an image; a web address as it stands."""
        name = self.relative(place, image)
        return name if WEB_ADDRESS.match(name) else root + quote(name, safe="/")
