"""Exports of decisions: one format is one file here and one line in `EXPORTS`. No torch."""

from engine.review.exports.formats import EXPORTS
from engine.review.exports.interface import Exporter, Words, Written
from engine.review.exports.label_studio import IMAGE_ROOT
from engine.review.exports.rows import COLUMNS, WHICH
from engine.review.exports.write import Preview, preview, write_export

__all__ = [
    # formats
    "EXPORTS",
    "Exporter",
    "Words",
    "IMAGE_ROOT",
    # what is exported
    "WHICH",
    "COLUMNS",
    # writing
    "write_export",
    "Written",
    "preview",
    "Preview",
]
