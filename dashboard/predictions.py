"""From predictions to what their pages show: lists, confusions, cards, the pairs behind one. No Streamlit here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from dashboard.thumbnails import thumbnail_url
from dashboard.wording import percent
from engine.runs import is_wrong

MOST_CLASSES = 40
"""of a confusion matrix; more could neither be read nor walked"""
FREQUENT = 6
ROLES = {
    "positive": ("influence_positive", "relative_influence_positive"),
    "negative": ("influence_negative", "relative_influence_negative"),
    "both": ("influence", "relative_influence"),
}
"""by role: the effect on the loss of a prediction [nats], and what ranks the pairs behind it"""
SORTS = ("sure", "unsure", "table")


def listed_predictions(
    predictions: pd.DataFrame, show: str, true: str | None, said: str | None, sure: tuple[int, int], order: str
) -> pd.DataFrame:
    """The predictions that a page lists, in its order.

    Args:
        predictions: rows of the queries table of one kind, in table order.
        show: wrong or all.
        true: keep those of this true class; None for any.
        said: keep those that the model gives this class; None for any.
        sure: keep those whose confidence lies between these, percent, both included.
        order: sure (mistakes first, the surest first), unsure (the least sure first) or table.
    """
    keep = (predictions["confidence"] * 100).between(*sure)
    if show == "wrong":
        keep &= is_wrong(predictions)
    if true is not None:
        keep &= predictions["true_label"] == true
    if said is not None:
        keep &= predictions["predicted_label"] == said
    found = predictions[keep]
    if order == "table":
        return found
    if order == "unsure":
        return found.sort_values("confidence", kind="stable")
    by = found.assign(wrong=is_wrong(found)).sort_values(["wrong", "confidence"], ascending=False, kind="stable")
    return by.drop(columns="wrong")


def confusions(classified: pd.DataFrame) -> dict[str, Any]:
    """Which classes are taken for which, for the confusion component.

    Args:
        classified: true_label, predicted_label of test pictures.

    Returns:
        classes: name and number of pictures of the classes with most mistakes, most first, at most `MOST_CLASSES`;
        counts: (true, said, pictures) by position in classes, zeros left out; frequent: positions in counts of the
        most frequent mistakes that were made more than once; num_classes: of the run.
    """
    table = classified.groupby(["true_label", "predicted_label"]).size()
    truth, said = (table.index.get_level_values(level) for level in (0, 1))
    is_mistake = truth != said
    mistakes = pd.concat([table[is_mistake].groupby(level=level).sum() for level in (0, 1)]).groupby(level=0).sum()
    every = sorted(set(truth) | set(said))
    names = sorted(every, key=lambda name: (-mistakes.get(name, 0), name))[:MOST_CLASSES]
    place, totals = {name: at for at, name in enumerate(names)}, classified["true_label"].value_counts()
    counts = [(place[a], place[b], int(n)) for (a, b), n in table.items() if a in place and b in place]
    order = sorted((-n, at) for at, (a, b, n) in enumerate(counts) if a != b and n > 1)
    return {
        "classes": [{"name": name, "pictures": int(totals.get(name, 0))} for name in names],
        "counts": counts,
        "frequent": [at for _, at in order[:FREQUENT]],
        "num_classes": len(every),
    }


def pairs_on(predictions: pd.DataFrame) -> list[str]:
    """The pairs that cards for these rows of the queries table show."""
    names = [name for name in ("pair_id", "predicted_pair_id") if name in predictions]
    return pd.unique(predictions[names].stack()).tolist()


def prediction_cards(predictions: pd.DataFrame, pairs: pd.DataFrame, run_id: str) -> list[dict[str, Any]]:
    """Cards for predictions, in their order.

    Args:
        predictions: rows of the queries table; those of retrieval show the picture of the caption that was picked.
        pairs: thumbnails of `pairs_on` them, indexed by pair_id.
        run_id: for the thumbnails' address.

    Returns:
        query_id; sides, of which the first is the test picture with the right answer and, in a wrong retrieval, the
        second the pair that was picked (url, says, text); said, the wrong answer of a classification; correct; sure.
    """
    return [_card(row, pairs, run_id) for row in predictions.to_dict("records")]


def _card(row: dict[str, Any], pairs: pd.DataFrame, run_id: str) -> dict[str, Any]:
    is_class, correct = row["kind"] == "classification", bool(row["correct"])
    sides = [_side(row["pair_id"], "" if is_class else "right", row["true_label"], pairs, run_id)]
    if not is_class and not correct:
        sides.append(_side(row["predicted_pair_id"], "picked", row["predicted_label"], pairs, run_id))
    return {
        "query_id": row["query_id"],
        "sides": sides,
        "said": row["predicted_label"] if is_class and not correct else None,
        "correct": correct,
        "badge": f"{row['confidence']:.0%} sure",
    }


def _side(pair_id: str, says: str, text: str, pairs: pd.DataFrame, run_id: str) -> dict[str, str]:
    name = pairs["thumbnail"].get(pair_id)
    return {"url": thumbnail_url(run_id, name if isinstance(name, str) else None), "says": says, "text": str(text)}


def changed_cards(
    changed: list[dict[str, Any]], queries: pd.DataFrame, pairs: pd.DataFrame, run_id: str
) -> list[dict[str, Any]]:
    """Cards for predictions whose answer another model changes: the badge says what it was and is.

    Args:
        changed: of an outcome of a what-if, see `engine.what_if.changes.prediction_changes`.
        queries: of the run, indexed by query_id.
        pairs: of the run, indexed by pair_id.
        run_id: for the thumbnails' address.
    """
    cards = []
    for one in changed:
        row = {**queries.loc[one["query_id"]].to_dict(), "query_id": one["query_id"]}
        card = _card(row, pairs, run_id)
        is_class, now = row["kind"] == "classification", one["after"]
        card["said"] = (one["before"] if now["correct"] else now)["predicted_label"] if is_class else None
        card["correct"] = now["correct"]
        card["badge"] = f"{one['before']['confidence']:.0%} → {now['confidence']:.0%} sure"
        cards.append(card)
    return cards


def roles_of(traces: pd.DataFrame) -> list[str]:
    """The roles by which the pairs of these traces can be ranked."""
    has_own = "relative_influence_positive" in traces
    return list(ROLES) if has_own else ["both"]


def culprits(traces: pd.DataFrame, scores: pd.DataFrame, role: str, side: str) -> pd.DataFrame:
    """The pairs behind one prediction on one side, the strongest of a role first, with their captions.

    Args:
        traces: stored pairs of this prediction, both sides.
        scores: scores and pairs of the training split, indexed by pair_id.
        role: a key of `ROLES`; the order is by relative influence, effect per movement of the model.
        side: hurts (raise the loss of the right answer) or helps.

    Returns:
        Indexed by pair_id; rank counts from 1; influence by role [nats], < 0 for hurts.
    """
    by = ROLES[role][1]
    own = traces.set_index("pair_id")
    if "relative_influence_positive" in own:
        own = own.assign(relative_influence_negative=own["relative_influence"] - own["relative_influence_positive"])
    own = own[own[by] < 0] if side == "hurts" else own[own[by] > 0]
    own = own.sort_values(by, ascending=side == "hurts", kind="stable").assign(rank=np.arange(1, len(own) + 1))
    shown = ["caption", "label", "thumbnail", "suggested_caption", "duplicate_group", "clip_score", "suspicion"]
    return own.drop(columns="rank").join(own["rank"]).join(scores[["pair_id", *shown]], how="inner").sort_values("rank")


def loss_in_words(change: float, loss: float, is_class: bool, number: int) -> str:
    """What leaving pairs out does to first order to one prediction.

    Args:
        change: sum of their influences, nats.
        loss: of the prediction, nats.
        is_class: whether the loss is −log of the chance given to the right class.
        number: of pairs.
    """
    after = loss + change
    words = (
        f"Without these {number} the loss of this prediction would {'fall' if change < 0 else 'rise'} by about "
        f"**{abs(change):.2f} nats**, from {loss:.2f} to {max(after, 0):.2f}"
    )
    if is_class and after > 0:
        before, now = math.exp(-loss), math.exp(-after)
        words += f": the chance given to the right answer from {percent(before)} to about {percent(now)}"
    return f"{words}."
