"""A what-if in words, on the terminal and for a screen."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from engine.predictions import metrics
from engine.what_if.changes import broken, changes, mended, prediction_changes
from engine.what_if.edit import WhatIf
from engine.what_if.truth import Truth

METRICS = {
    "zero_shot_accuracy": "zero-shot accuracy",
    "retrieval_recall_at_1": "retrieval recall@1",
    "retrieval_recall_at_5": "retrieval recall@5",
    "validation_loss": "validation loss (nats per pair)",
}


def summary(found: WhatIf, truth: Truth | None = None, query_ids: tuple[str, ...] = ()) -> dict[str, Any]:
    """What a screen shows of an outcome, ready for JSON.

    Args:
        found: the prediction.
        truth: the retrained model, if there is one.
        query_ids: predictions to report even if they are right before and after; wrong ones always are.
    """
    losses, sizes = (found.losses_before, found.losses_after), found.batch_sizes
    said = {
        "num_pairs": found.num_pairs,
        "num_iterations": found.num_iterations,
        "how": how(found),
        "remaining_gradient": found.remaining_gradient,
        "seconds": found.seconds,
        "before": metrics(found.before),
        "after": metrics(found.after),
        "mended": found.mended["query_id"].tolist(),
        "broken": found.broken["query_id"].tolist(),
        "changes": changes(found.before, found.after, *losses, sizes),
        "predictions": prediction_changes(found.before, found.after, query_ids),
        "warnings": list(found.warnings),
    }
    if truth is not None:
        said["retrained"] = {
            "metrics": metrics(truth.after),
            "how": truth.how,
            "seconds": truth.seconds,
            "mended": mended(found.before, truth.after)["query_id"].tolist(),
            "broken": broken(found.before, truth.after)["query_id"].tolist(),
            "changes": changes(found.before, truth.after, losses[0], truth.losses, sizes),
            "predictions": prediction_changes(found.before, truth.after, query_ids),
        }
    return said


def how(found: WhatIf) -> str:
    """How the prediction was made and how far it is from the end of a training, in a sentence."""
    way = "by the closed form" if found.num_iterations == 0 else f"by {found.num_iterations} iterations from the model"
    return (
        f"Predicted without retraining, {way}, in {found.seconds:.1f} s; "
        f"{found.remaining_gradient:.1%} of the gradient that the missing pairs leave behind remains."
    )


def print_what_if(found: WhatIf) -> None:
    """Print the metrics of the model as it is and without the pairs, and what changes."""
    console, said = Console(), summary(found)
    _print_table(console, said, f"Without {found.num_pairs} training pairs", {"without": said["after"]})
    num_mended, num_broken = len(said["mended"]), len(said["broken"])
    console.print(f"{num_mended} wrong predictions become right, {num_broken} right ones become wrong.")
    for name, one in said["changes"].items():
        if one["low"] is not None:
            interval = f"90 % interval {one['low']:+.3f} to {one['high']:+.3f}"
            console.print(f"Change of {METRICS[name]}: {one['change']:+.3f}, {interval}.")
    console.print(said["how"])
    for warning in said["warnings"]:
        console.print(warning)


def print_truth(found: WhatIf, truth: Truth) -> None:
    """Print prediction and truth side by side."""
    console, said = Console(), summary(found, truth)
    columns = {"predicted": said["after"], "retrained": said["retrained"]["metrics"]}
    _print_table(console, said, "Predicted and retrained", columns)
    console.print(f"{truth.how} {truth.seconds:.1f} s, {truth.seconds / found.seconds:.1f} times the prediction's.")


def _print_table(console: Console, said: dict[str, Any], title: str, columns: dict[str, dict[str, Any]]) -> None:
    table = Table("", "now", *columns, "change", title=title)
    last = list(columns)[-1]
    for name, words in METRICS.items():
        before = said["before"][name]
        if before is not None:
            values = [f"{column[name]:.3f}" for column in columns.values()]
            table.add_row(words, f"{before:.3f}", *values, f"{columns[last][name] - before:+.3f}")
    console.print(table)
