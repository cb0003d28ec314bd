"""Drop list: the ids of the pairs to drop, one per line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from engine.errors import ConfigError
from engine.review.exports.interface import Origin, Words, Written
from engine.runs import RunFolder


class DropListExport:
    """UTF-8 text, as `engine.pairs.id_lists` reads it."""

    words = Words(
        "Drop list",
        "The `pair_id` of every pair to drop, one per line.",
        "Undecided, unsure and kept pairs are not in it.",
        "Predict the model without them: `ecif whatif RUN --drop` with this file.",
    )
    which = ("drop",)
    columns = ("pair_id",)
    is_ranked = True

    def file_name(self, run: RunFolder) -> str:
        """drop.txt."""
        return "drop.txt"

    def write(self, chunks: Iterator[pd.DataFrame], path: Path, origin: Origin) -> Written:
        """Write the ids.

        Raises:
            ConfigError: if an id holds a line's end.
        """
        rows = 0
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for chunk in chunks:
                file.writelines(one_line(pair_id) + "\n" for pair_id in chunk["pair_id"])
                rows += len(chunk)
        return Written(rows)


def one_line(name: str) -> str:
    """`name`, proven to be one line.

    Raises:
        ConfigError: if it is not.
    """
    if name.splitlines() != [name]:
        raise ConfigError("names of one line each", repr(name), "Export a CSV instead.")
    return name
