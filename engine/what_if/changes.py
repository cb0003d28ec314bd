"""How sure a change is that was measured on a few pairs: 90 % intervals for accuracies and for the validation loss.

Two models answer the same test pairs, so only the answers that differ tell anything: of n pairs m are mended (wrong,
then right) and b are broken (right, then wrong), and the change of accuracy is (m − b) / n. Its interval is the
adjusted Wald interval for paired proportions of Bonett and Price (2012): with p = (m+1)/(n+2), q = (b+1)/(n+2)

    (p − q) ± z √( (p + q − (p − q)²) / (n + 2) ).

The validation loss is a mean over batches of different pairs, so the differences d_k of the batches, weighted by
w_k = n_k / n, tell how far another draw would have differed: with d = Σ w_k d_k and B batches

    d ± t_{B−1} √( B/(B−1) Σ w_k² (d_k − d)² ).

Both say how far the change would differ on other pairs; neither says how far a prediction is from a retraining.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from engine.predictions import metrics
from engine.runs import is_wrong

CONFIDENCE = 0.9
RANKS = {"retrieval_recall_at_1": 1, "retrieval_recall_at_5": 5}


def paired_interval(num_mended: int, num_broken: int, num_pairs: int) -> tuple[float, float]:
    """The 90 % interval of a change of accuracy, as shares of the pairs, within −1 and 1.

    Args:
        num_mended: pairs that were wrong and are right.
        num_broken: pairs that were right and are wrong.
        num_pairs: all pairs that were asked, > 0.
    """
    mended, broken = (num_mended + 1) / (num_pairs + 2), (num_broken + 1) / (num_pairs + 2)
    middle = mended - broken
    reach = norm.ppf((1 + CONFIDENCE) / 2) * np.sqrt((mended + broken - middle**2) / (num_pairs + 2))
    return float(max(middle - reach, -1.0)), float(min(middle + reach, 1.0))


def loss_interval(differences: np.ndarray, sizes: np.ndarray) -> tuple[float, float] | None:
    """The 90 % interval of the change of a mean loss, nats per pair; None with a single batch, which tells nothing.

    Args:
        differences: loss after − loss before, `[batches]`, nats per pair.
        sizes: pairs of each batch, `[batches]`.
    """
    if len(differences) < 2:
        return None
    weights = sizes / sizes.sum()
    middle = float(weights @ differences)
    factor = len(differences) / (len(differences) - 1)
    error = np.sqrt(factor * float(weights**2 @ (differences - middle) ** 2))
    reach = float(t.ppf((1 + CONFIDENCE) / 2, len(differences) - 1) * error)
    return middle - reach, middle + reach


def changes(
    before: pd.DataFrame, after: pd.DataFrame, losses_before: np.ndarray, losses_after: np.ndarray, sizes: np.ndarray
) -> dict[str, dict[str, Any]]:
    """What became of each metric, and the interval of its change.

    Args:
        before: queries table of one model.
        after: of the other, same rows.
        losses_before: validation loss by batch, `[batches]`, nats per pair.
        losses_after: of the other model.
        sizes: validation pairs by batch, `[batches]`.

    Returns:
        By metric: before, after, change, low, high (None without an interval), counted (test pairs, or validation
        batches), and mended and broken for accuracies. A metric that the run lacks is absent.
    """
    first, second, found = metrics(before), metrics(after), {}
    is_class, is_retrieval = before["kind"] == "classification", before["kind"] == "retrieval"
    hits = {"zero_shot_accuracy": [~is_wrong(one)[is_class] for one in (before, after)]}
    for name, rank in RANKS.items():
        hits[name] = [one.loc[is_retrieval, "rank_of_truth"] <= rank for one in (before, after)]
    for name, (was, now) in hits.items():
        if len(was):
            mended, broken = int((~was & now).sum()), int((was & ~now).sum())
            low, high = paired_interval(mended, broken, len(was))
            counts = {"counted": len(was), "mended": mended, "broken": broken}
            found[name] = {"low": low, "high": high, **counts}
    low, high = loss_interval(losses_after - losses_before, sizes) or (None, None)
    found["validation_loss"] = {"low": low, "high": high, "counted": len(sizes)}
    for name, one in found.items():
        one.update(before=first[name], after=second[name], change=second[name] - first[name])
    return found


def mended(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Rows of `after` that were wrong in `before` and are right."""
    return after[is_wrong(before) & ~is_wrong(after)]


def broken(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Rows of `after` that were right in `before` and are wrong."""
    return after[~is_wrong(before) & is_wrong(after)]


def prediction_changes(before: pd.DataFrame, after: pd.DataFrame, query_ids: tuple[str, ...]) -> list[dict[str, Any]]:
    """Each prediction that is wrong before or after, and those named: what the model said, says, and how surely.

    Args:
        before: queries table of one model.
        after: of the other, same rows.
        query_ids: predictions to report even if they are right in both.

    Returns:
        query_id, and of before and after: predicted_label, correct, confidence (0 to 1), loss [nats].
    """
    told = (is_wrong(before) | is_wrong(after) | before["query_id"].isin(query_ids)).to_numpy()
    return [
        {"query_id": was["query_id"], "before": _answer(was), "after": _answer(now)}
        for was, now in zip(before[told].to_dict("records"), after[told].to_dict("records"), strict=True)
    ]


def _answer(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "predicted_label": row["predicted_label"],
        "correct": bool(row["correct"]),
        "confidence": float(row["confidence"]),
        "loss": float(row["loss"]),
    }
