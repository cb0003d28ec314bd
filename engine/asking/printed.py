"""An answer on the terminal. Classes and captions are printed as text, never as markup."""

from __future__ import annotations

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.asking.answer import Answer, Explanation
from engine.reports import one_line

SHOWN_CLASSES = 5
ABOUT_WORDS = {"answer": "Why {}?", "label": "What made {} less or more likely?", "caption": "How does {} fit?"}
SIDES = {
    "hurts": "Against it: pairs that hurt (removing them lowers the loss)",
    "helps": "For it: pairs that help",
}
SPLITS = {"train": "training", "validation": "validation", "test": "test"}


def print_answer(answer: Answer, captions: pd.Series) -> None:
    """Print what the model says, and the culprits.

    Args:
        answer: to a question.
        captions: of the run's pairs, indexed by pair_id.
    """
    console = Console()
    console.print(f"Picture of {answer.width} × {answer.height} pixels.")
    if len(answer.probabilities):
        table = Table("class", "probability", title="The model says")
        for row in answer.probabilities.head(SHOWN_CLASSES).itertuples():
            table.add_row(one_line(row.label), f"{row.probability:.1%}")
        console.print(table)
    if answer.fit is not None:
        console.print(f"Caption and picture fit with a cosine of {answer.fit.cosine:.3f}.")
        for split, (rank, number) in answer.fit.ranks.items():
            console.print(f"Among {number:,} different captions of {SPLITS[split]} pairs it fits as number {rank:,}.")
    for one in answer.explanations:
        _print_explanation(console, one, captions)
    nearest = Table("like the", "rank", "pair", "caption", "cosine", title="Nearest training pairs")
    for row in answer.nearest.itertuples():
        kind = "picture" if row.kind == "image" else "caption"
        nearest.add_row(
            kind, str(row.rank), one_line(row.pair_id), one_line(captions[row.pair_id]), f"{row.similarity:.3f}"
        )
    console.print(nearest)
    console.print(
        f"Loaded in {answer.seconds['load']:.1f} s; embedded in {answer.seconds['embed']:.2f} s; "
        f"traced in {answer.seconds['trace']:.2f} s."
    )


def _print_explanation(console: Console, one: Explanation, captions: pd.Series) -> None:
    before, after = ABOUT_WORDS[one.about].split("{}")
    console.print(Text.assemble(before, (f"“{one_line(one.text)}”", "bold"), f"{after} Loss {one.loss:.3f} nats."))
    console.print(one.status)
    for side, title in SIDES.items():
        table = Table("rank", "pair", "caption", "influence", "as match", "as negative", title=title)
        for row in one.pairs[one.pairs["side"] == side].itertuples():
            influences = (row.influence, row.influence_positive, row.influence_negative)
            cells = (f"{value:+.2e}" for value in influences)
            table.add_row(str(row.rank), one_line(row.pair_id), one_line(captions[row.pair_id]), *cells)
        console.print(table)
