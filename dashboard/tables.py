"""From the run's tables to what a page shows: tiles, word differences. No Streamlit here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from dashboard.run_tables import RunTables
from dashboard.thumbnails import thumbnail_url
from engine.ranked_table import quoted

FULL_BAR_QUANTILE = 0.98


def bar_scale(values: pd.DataFrame) -> float:
    """The influence that fills half a bar: nearly the largest of either role, so that one outlier hides nothing."""
    roles = values[["influence_positive", "influence_negative"]].abs().to_numpy(dtype=float)
    roles = roles[np.isfinite(roles)]
    return float(np.quantile(roles, FULL_BAR_QUANTILE)) or 1.0 if roles.size else 1.0


def bar_scale_of(tables: RunTables) -> float:
    """`bar_scale` over all training pairs of a run."""
    roles = "SELECT unnest([abs(influence_positive), abs(influence_negative)]) AS size FROM ranked"
    return tables.value(f"SELECT quantile_cont(size, {FULL_BAR_QUANTILE}) FROM ({roles}) WHERE isfinite(size)") or 1.0  # noqa: S608


def learnable(tables: RunTables, first: str, most: int) -> pd.DataFrame:
    """The signals of some training pairs and their labels, in table order, indexed by pair_id.

    Args:
        tables: of a run that has signals.
        first: what the pairs are ordered by to take the first of them, in SQL over the ranked table.
        most: pairs to take.
    """
    names = ", ".join(map(quoted, [*tables.columns("signals"), "label"]))
    some = f"SELECT place FROM ranked ORDER BY {first} LIMIT ?"  # noqa: S608
    rows = f"SELECT {names} FROM ranked WHERE place IN ({some}) ORDER BY pair_index"  # noqa: S608
    return tables.rows(rows, [most]).set_index("pair_id")


def pair_tiles(rows: pd.DataFrame, run_id: str, decisions: pd.DataFrame) -> list[dict[str, Any]]:
    """Tiles of the gallery for rows of scores, traces or pairs, in their order.

    Args:
        rows: indexed by pair_id; caption, label, thumbnail, influence by role, rank, and optionally
            suggested_caption, duplicate_group, reason (why it is suspected), proposal (why it is proposed).
        run_id: for the thumbnails' address.
        decisions: standing decisions, indexed by pair_id.
    """
    return [_tile(row, run_id, decisions) for row in rows.to_dict("records")]


def _tile(row: dict[str, Any], run_id: str, decisions: pd.DataFrame) -> dict[str, Any]:
    pair_id = row["pair_id"]
    decided = decisions.loc[pair_id] if pair_id in decisions.index else None
    why = _text(row.get("reason")) or ""
    return {
        "pair_id": pair_id,
        "thumbnail_url": thumbnail_url(run_id, _text(row.get("thumbnail"))),
        "caption": _text(row["caption"]) or "",
        "label": _text(row.get("label")),
        "why": re.split(r"; |\. ", why)[0].rstrip(".") or None,
        "why_in_full": why,
        "badges": badges(row),
        "influence_positive": _number(row.get("influence_positive")),
        "influence_negative": _number(row.get("influence_negative")),
        "rank": int(row["rank"]) if _number(row.get("rank")) is not None else None,
        "verdict": None if decided is None else decided["verdict"],
        "new_caption": None if decided is None else _text(decided["new_caption"]),
        "suggested_caption": _text(row.get("suggested_caption")),
    }


def suggested_rows(suggestions: pd.DataFrame | None, score: pd.Series, number: int = 3) -> pd.DataFrame:
    """The captions that could replace a pair's own, the best first.

    Args:
        suggestions: of the pair, the best first; None if the run has no such table.
        score: the pair's row of scores; its single suggested_caption stands in where the table says nothing.
        number: how many at most.

    Returns:
        caption, fit (cosine by heads that have not seen the pair), effect [nats, < 0 lowers the validation loss],
        source; the last three are missing for a single suggestion.
    """
    columns = ["caption", "fit", "effect", "source"]
    if suggestions is not None:
        found = suggestions[columns]
        if len(found):
            return found[found["caption"] != score["caption"]].head(number)
    single = _text(score.get("suggested_caption"))
    is_new = bool(single) and single != score["caption"]
    return pd.DataFrame([[single, np.nan, np.nan, None]] if is_new else [], columns=columns)


def suggestion_in_words(row: dict[str, Any]) -> str:
    """How well a suggested caption fits, what it would do, and where it is from."""
    parts = [str(row["source"])] if _text(row["source"]) else ["the data set's caption that fits this picture best"]
    if _number(row["fit"]) is not None:
        parts.append(f"fit {row['fit']:.2f}")
    effect = _number(row["effect"])
    if effect is not None and effect != 0:
        parts.append(f"would {'lower' if effect < 0 else 'raise'} the validation loss by {abs(effect):.1e} nats")
    return " · ".join(parts)


def badges(row: dict[str, Any]) -> list[str]:
    """Short facts about a pair."""
    found = [row["proposal"]] if _text(row.get("proposal")) else []
    if _number(row.get("clip_score")) is not None:
        found.append(f"fit {row['clip_score']:.2f}")
    group = _number(row.get("duplicate_group"))
    if group is not None and group >= 0:
        found.append("has a duplicate")
    return found


def mistakes_in_words(num_misnamed: int, num_wrong: int) -> str:
    """What there is to trace back: misnamed pictures first, else captions that were not found."""
    if num_misnamed:
        return f"{num_misnamed} test pictures are named wrong. Click one to see who taught the mistake."
    if num_wrong:
        return f"{num_wrong} test captions are not found. Click one to see the training pairs behind it."
    return "The model gets every test pair right: there is no mistake to explain."


def disturbed_rows(disturbs: pd.DataFrame, scores: pd.DataFrame, pair_id: str) -> pd.DataFrame:
    """The other pairs that one pair disturbs as a negative, the largest effect first; indexed by pair_id.

    Args:
        disturbs: pair_id, other_pair_id, influence.
        scores: scores and pairs of the training split, indexed by pair_id.
        pair_id: the pair that disturbs.

    Returns:
        pair_id, caption, label, thumbnail, clip_score, duplicate_group of the others; influence_negative is the part of
        the disturbing pair's that goes through them [nats], influence_positive is empty.
    """
    own = disturbs[disturbs["pair_id"] == pair_id].set_index("other_pair_id")["influence"].rename("influence_negative")
    shown = scores[["pair_id", "caption", "label", "thumbnail", "clip_score", "duplicate_group"]]
    rows = shown.join(own, how="inner").assign(influence_positive=np.nan)
    return rows.sort_values("influence_negative", key=np.abs, ascending=False)


def for_reading(decisions: pd.DataFrame) -> pd.DataFrame:
    """Decisions or their history, newest first, with short times and without words for what is absent."""
    table = decisions.iloc[::-1].copy()
    table["decided_at"] = table["decided_at"].str.slice(0, 16).str.replace("T", " ")
    table["new_caption"] = table["new_caption"].fillna("")
    if "kind" in table:
        table["verdict"] = table["verdict"].where(table["kind"] == "decision", "undone")
    return table


def word_difference(old: str, new: str) -> list[tuple[str, str]]:
    """The way from one caption to another: ("same" | "out" | "in", words)."""
    before, after = old.split(), new.split()
    parts: list[tuple[str, str]] = []
    for kind, i, j, k, m in difflib.SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes():
        if kind == "equal":
            parts.append(("same", " ".join(before[i:j])))
            continue
        if i < j:
            parts.append(("out", " ".join(before[i:j])))
        if k < m:
            parts.append(("in", " ".join(after[k:m])))
    return parts


def labels_of(values: Iterable[object]) -> list[str]:
    """The distinct labels, sorted; empty without any."""
    return sorted({str(value) for value in values if not pd.isna(value)})


def _text(value: object) -> str | None:
    return None if value is None or (not isinstance(value, str) and pd.isna(value)) else str(value)


def _number(value: object) -> float | None:
    return float(value) if value is not None and not pd.isna(value) else None
