"""What the commands print: rich tables from run folders. Captions are printed as text, never as markup."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.errors import ConfigError
from engine.estimates import Estimate, duration, megabytes
from engine.runs import RunFolder, is_wrong

CAPTION_WIDTH = 60
FOUND_AGAIN = (("elsewhere", "captions from elsewhere"), ("near", "near captions"))
"""kinds of pairs made wrong, and their names"""


def print_run(folder: RunFolder) -> None:
    """The outcome of a run in a few lines."""
    console, record = Console(stderr=True), folder.record
    counts, metrics, cost = record["counts"], record["metrics"], record["cost"]
    console.print(
        f"{counts['train']} training, {counts['validation']} validation, {counts['test']} test pairs; "
        f"{counts['rejects']} rejected rows."
    )
    if metrics["zero_shot_accuracy"] is not None:
        console.print(f"Zero-shot accuracy {metrics['zero_shot_accuracy']:.1%}.")
    console.print(f"Retrieval recall@1 {metrics['retrieval_recall_at_1']:.1%}.")
    console.print(
        f"Embedding {cost['embedding_seconds']:.2f} s; influence of all pairs on one query "
        f"{cost['scoring_seconds']:.2f} s; relative influence and self-influence {cost['sketch_seconds']:.2f} s."
    )
    console.print(record["curvature"]["status"])
    for sentence in [*_detection_sentences(record.get("detection", {}), counts["train"]), *_health_sentences(record)]:
        console.print(Text(sentence))
    for note in record["notes"]:
        console.print(f"Note: {note}", markup=False)


def _detection_sentences(detection: dict[str, Any], num_pairs: int) -> list[str]:
    """How many pairs are probably wrong, and how surely pairs made wrong on purpose are found again."""
    if not detection.get("is_cross_fitted"):
        return []
    share, low, high = (detection[f"estimated_share{end}"] for end in ("", "_low", "_high"))
    found = [
        f"{name} {detection['found_again'][kind]:.3f}" for kind, name in FOUND_AGAIN if kind in detection["found_again"]
    ]
    return [
        f"About {share:.1%} of the training pairs ({share * num_pairs:.0f}) have a wrong caption "
        f"(90 % interval {low:.1%} to {high:.1%}; near misses are not counted).",
        f"Pairs made wrong on purpose are told from the others (AUROC, .5 is chance): {', '.join(found)}.",
    ]


def _health_sentences(record: dict[str, Any]) -> list[str]:
    return [f"{name.capitalize()}: {words}" for name, words in record.get("health", {}).get("words", {}).items()]


def print_estimate(found: Estimate) -> None:
    """What a run would take, step by step."""
    console, (low, high) = Console(), found.seconds
    console.print(f"It takes {duration(low, high)}, and {megabytes(found.disk_bytes)} on the disk.")
    table = Table("step", "seconds")
    for name, (least, most) in found.steps.items():
        table.add_row(name, f"{least:,.0f} to {most:,.0f}")
    console.print(table)
    for sentence in found.how:
        console.print(Text(sentence))


def print_wrong_predictions(folder: RunFolder, most: int = 40) -> None:
    """The wrong test predictions of a run, the surest ones first."""
    queries = folder.table("queries")
    wrong = queries[is_wrong(queries)].sort_values("confidence", ascending=False)
    table = Table("query", "true", "predicted", "confidence", title=f"{len(wrong)} wrong predictions")
    for row in wrong.head(most).itertuples():
        table.add_row(
            Text(row.query_id), one_line(row.true_label), one_line(row.predicted_label), f"{row.confidence:.2f}"
        )
    Console().print(table)


def print_trace(folder: RunFolder, query_id: str, top: int) -> pd.DataFrame:
    """Print the pairs that hurt and help one prediction; computed now if the run does not hold its trace.

    Returns:
        All of them, with the columns of the run's traces table.

    Raises:
        ConfigError: if the run has no such query.
    """
    queries = folder.table("queries")
    found = queries[queries["query_id"] == query_id]
    if found.empty:
        raise ConfigError(
            "a query id of the run's queries table",
            repr(query_id),
            f"List the wrong predictions with `ecif trace {folder.path}`.",
        )
    traces = folder.table("traces")
    traces = traces[traces["query_id"] == query_id]
    if traces.empty:
        from engine.scoring import traces_table
        from engine.study import load_study

        traces, _ = traces_table(load_study(folder), folder.table("scores"), [query_id], lambda done, of: None)
    row, console = found.iloc[0], Console()
    console.print(Text(f"{query_id}: loss {row['loss']:.3f} nats per pair"))
    if row["kind"] != "validation":
        console.print(
            Text(f"true: {row['true_label']}   predicted: {row['predicted_label']} ({row['confidence']:.0%} sure)")
        )
    captions = folder.table("pairs", ["pair_id", "caption"]).set_index("pair_id")["caption"]
    for side, title in (
        ("hurts", "Pairs that hurt (removing them lowers the loss)"),
        ("helps", "Pairs that help"),
    ):
        table = Table("rank", "pair", "caption", "influence", "as match", "as negative", "relative", title=title)
        for one in traces[traces["side"] == side].head(top).itertuples():
            table.add_row(
                str(one.rank),
                Text(one.pair_id),
                one_line(captions[one.pair_id]),
                f"{one.influence:+.2e}",
                f"{one.influence_positive:+.2e}",
                f"{one.influence_negative:+.2e}",
                f"{one.relative_influence:+.2e}",
            )
        console.print(table)
    return traces


def one_line(value: str) -> Text:
    """Stranger's text on one line: control characters cannot reach the terminal."""
    shown = "".join(c if c.isprintable() else " " for c in str(value))
    return Text(shown if len(shown) <= CAPTION_WIDTH else shown[: CAPTION_WIDTH - 1] + "…")
