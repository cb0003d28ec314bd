"""The kinds of places that hold pictures. A new one is one new file and one line in `PLACES`."""

from __future__ import annotations

from engine.pairs.places.folder import FolderPlace
from engine.pairs.places.hf_folder import HfFolderPlace
from engine.pairs.places.interface import Place
from engine.pairs.places.parquet import ParquetPlace
from engine.pairs.places.tar import TarPlace

PLACES: tuple[Place, ...] = (TarPlace(), ParquetPlace(), HfFolderPlace(), FolderPlace())
"""the first one that takes a place is asked"""

__all__ = ["PLACES", "Place"]
