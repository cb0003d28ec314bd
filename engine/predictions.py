"""The queries table: the validation loss and every test prediction, with its gradient on demand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from engine.batches import consecutive_batches
from engine.errors import ConfigError
from engine.objective import summed_loss_value
from engine.queries import (
    classification_gradients,
    classify,
    retrieval_gradients,
    retrieve,
    validation_loss,
)
from engine.study import Study

QUERIES_AT_ONCE = 32
VALIDATION = "validation"


def queries_table(study: Study) -> pd.DataFrame:
    """One row per query; see the run folder's description for the columns."""
    loss = validation_value(study)
    rows = [pd.DataFrame([{"query_id": VALIDATION, "kind": VALIDATION, "loss": loss}])]
    if study.classes:
        rows.append(_classification_rows(study))
    rows += list(_retrieval_rows(study))
    table = pd.concat(rows, ignore_index=True)
    table["correct"] = table["correct"].astype("boolean")
    table["gallery"] = table["gallery"].astype("Int64")
    return table


def metrics(queries: pd.DataFrame) -> dict[str, float | None]:
    """Zero-shot accuracy, retrieval recall and validation loss of a queries table."""
    classified = queries[queries["kind"] == "classification"]
    retrieved = queries[queries["kind"] == "retrieval"]
    return {
        "zero_shot_accuracy": float(classified["correct"].mean()) if len(classified) else None,
        "retrieval_recall_at_1": float(retrieved["correct"].mean()),
        "retrieval_recall_at_5": float((retrieved["rank_of_truth"] <= 5).mean()),
        "validation_loss": float(queries.loc[queries["kind"] == VALIDATION, "loss"].iloc[0]),
    }


def validation_value(study: Study) -> float:
    """The validation loss, nats per pair."""
    num_pairs = len(study.rows("validation"))
    batches = consecutive_batches(num_pairs, study.config.batch_size)
    return float(summed_loss_value(study.feature_map("validation"), study.loss, batches)) / num_pairs


def validation_losses(study: Study) -> tuple[np.ndarray, np.ndarray]:
    """The validation loss of each validation batch, `[batches]` nats per pair, and the pairs in each, `[batches]`."""
    batches = consecutive_batches(len(study.rows("validation")), study.config.batch_size)
    feature_map, sizes = study.feature_map("validation"), np.array([len(batch) for batch in batches])
    sums = [float(summed_loss_value(feature_map, study.loss, [batch])) for batch in batches]
    return np.array(sums) / sizes, sizes


def validation_gradient(study: Study) -> tuple[float, Tensor]:
    """The validation loss [nats per pair] and its gradient `[1, parameters]`."""
    num_pairs = len(study.rows("validation"))
    value, gradient = validation_loss(study.feature_map("validation"), study.loss, num_pairs, study.config.batch_size)
    return float(value), gradient


def gradients(study: Study, query_ids: list[str]) -> Iterator[tuple[list[str], Tensor]]:
    """Gradients of the queries' losses, a few at a time: ids and `[queries, parameters]`.

    Raises:
        ConfigError: if an id names no query of this study.
    """
    position = {pair_id: i for i, pair_id in enumerate(study.rows(study.test_split)["pair_id"])}
    wanted: dict[str, list[int]] = {"classification": [], "retrieval": []}
    for query_id in query_ids:
        kind, _, pair_id = query_id.partition(":")
        if query_id == VALIDATION:
            yield [VALIDATION], validation_gradient(study)[1]
        elif kind in wanted and pair_id in position and (kind == "retrieval" or study.classes):
            wanted[kind].append(position[pair_id])
        else:
            raise ConfigError(
                "a query id of the run's queries table", repr(query_id), "List them with `ecif trace RUN`."
            )
    ids = study.rows(study.test_split)["pair_id"].to_numpy()
    yield from _classification_gradients(study, sorted(wanted["classification"]), ids)
    yield from _retrieval_gradients(study, sorted(wanted["retrieval"]), ids)


def _classification_rows(study: Study) -> pd.DataFrame:
    test = study.rows(study.test_split)
    truth = study.labels(study.test_split)
    labelled = np.flatnonzero(truth >= 0)
    images = torch.as_tensor(labelled)
    features = study.zero_shot.features(torch.arange(study.source.num_prompts), images)
    found = classify(features, torch.as_tensor(truth[labelled]).to(features.image.device), len(study.config.templates))
    names = np.array(study.classes, dtype=object)
    return pd.DataFrame(
        {
            "query_id": "classification:" + test["pair_id"].to_numpy()[labelled],
            "kind": "classification",
            "pair_id": test["pair_id"].to_numpy()[labelled],
            "true_label": names[truth[labelled]],
            "predicted_label": names[found.predicted.cpu().numpy()],
            "correct": found.correct.cpu().numpy(),
            "confidence": found.confidence.cpu().numpy(),
            "loss": found.loss.cpu().numpy(),
            "margin": found.margin.cpu().numpy(),
        }
    )


def _retrieval_rows(study: Study) -> Iterator[pd.DataFrame]:
    test = study.rows(study.test_split)
    feature_map = study.feature_map(study.test_split)
    for batch in consecutive_batches(len(test), study.config.batch_size):
        rows = test.iloc[batch]
        captions = rows["caption"].to_numpy()
        pairs = torch.as_tensor(batch)
        found = retrieve(feature_map.features(pairs, pairs), study.loss)
        predicted = found.predicted.cpu().numpy()
        same_caption = captions[predicted] == captions  # as good as its own
        yield pd.DataFrame(
            {
                "query_id": "retrieval:" + rows["pair_id"].to_numpy(),
                "kind": "retrieval",
                "pair_id": rows["pair_id"].to_numpy(),
                "true_label": captions,
                "predicted_label": captions[predicted],
                "predicted_pair_id": rows["pair_id"].to_numpy()[predicted],
                "correct": same_caption,
                "confidence": found.confidence.cpu().numpy(),
                "loss": found.loss.cpu().numpy(),
                "margin": found.margin.cpu().numpy(),
                "rank_of_truth": np.where(same_caption, 1, found.rank.cpu().numpy()),
                "direction": "image to text",
                "gallery": len(batch),
            }
        )


def _classification_gradients(study: Study, wanted: list[int], ids: np.ndarray) -> Iterator[tuple[list[str], Tensor]]:
    truth = study.labels(study.test_split)
    for start in range(0, len(wanted), QUERIES_AT_ONCE):
        images = np.array(wanted[start : start + QUERIES_AT_ONCE])
        labels = torch.as_tensor(truth[images]).to(study.like.device)
        found = classification_gradients(
            study.zero_shot, torch.as_tensor(images), labels, study.source.num_prompts, len(study.config.templates)
        )
        yield [f"classification:{pair_id}" for pair_id in ids[images]], found


def _retrieval_gradients(study: Study, wanted: list[int], ids: np.ndarray) -> Iterator[tuple[list[str], Tensor]]:
    feature_map = study.feature_map(study.test_split)
    for batch in consecutive_batches(len(ids), study.config.batch_size):
        asked = np.flatnonzero(np.isin(batch, wanted))
        for start in range(0, len(asked), QUERIES_AT_ONCE):
            some = asked[start : start + QUERIES_AT_ONCE]
            found = retrieval_gradients(
                feature_map, study.loss, torch.as_tensor(batch), torch.as_tensor(some).to(study.like.device)
            )
            yield [f"retrieval:{pair_id}" for pair_id in ids[batch[some]]], found
