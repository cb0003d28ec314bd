"""Relabel list: old and new caption of every pair to relabel."""

from __future__ import annotations

from engine.review.exports.csv import CsvExport
from engine.review.exports.interface import Words
from engine.runs import RunFolder


class RelabelListExport(CsvExport):
    """A CSV of few columns, guarded like `CsvExport`."""

    words = Words(
        "Relabel list",
        "A short CSV of the pairs to relabel: id, image, old caption, new caption.",
        "Undecided, unsure and kept pairs are not in it.",
        "Give it to whoever keeps the captions, or put the new captions in by pair_id.",
    )
    which = ("relabel",)
    columns = ("pair_id", "image", "caption", "new_caption")

    def file_name(self, run: RunFolder) -> str:
        """relabel.csv."""
        return "relabel.csv"
