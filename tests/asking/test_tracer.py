"""A prediction traced while somebody waits: the same pairs and scores as `ecif trace`."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_data
import tiny_models
import torch

from engine.asking import PredictionQuestion, Traced, check_traceable
from engine.asking.stacked import StackedGaussNewton, stacked_scores
from engine.asking.tracer import Tracer
from engine.batches import BatchSegmentation
from engine.config import RunConfig
from engine.contrastive import LOSSES
from engine.curvature import GaussNewton
from engine.directional import Features, HeadsFeatureMap, KeptHeadsFeatureMap
from engine.errors import ConfigError
from engine.influence.scores import segmented_scores
from engine.models.interface import Heads
from engine.pipeline import run
from engine.runs import RunFolder
from engine.scoring import TRACE_SCORES, traces_table
from engine.study import load_study


@pytest.fixture(scope="module")
def exact_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A small run of the sample in float64, none of whose predictions is traced."""
    return run(
        small_data.small_config(tmp_path_factory.mktemp("traced"), dtype="float64", damping=0.3, trace_queries=0)
    )


def same_trace(found: pd.DataFrame, stored: pd.DataFrame, tolerance: float) -> None:
    """The same pairs on the same sides and ranks, every score within the tolerance of the largest."""
    assert found["pair_id"].tolist() == stored["pair_id"].tolist() and len(found) > 10
    for name in ("query_id", "side", "rank"):
        assert found[name].tolist() == stored[name].tolist()
    for name in TRACE_SCORES:
        np.testing.assert_allclose(found[name], stored[name], rtol=0, atol=tolerance * np.abs(stored[name]).max())


def test_in_float64_a_live_trace_is_the_commands_own_to_ten_digits(exact_run: RunFolder) -> None:
    tracer, study, scores = Tracer.open(exact_run), load_study(exact_run), exact_run.table("scores")
    queries = exact_run.table("queries").query("kind != 'validation'")
    for query_id in (*queries["query_id"].head(3), *queries["query_id"].tail(3)):
        stored, _ = traces_table(study, scores, [query_id], lambda done, of: None)
        found = tracer.trace(PredictionQuestion(query_id))
        same_trace(found.pairs, stored, 1e-8)
        assert found.status == "The solve converged." and set(found.seconds) == {"gradient", "solve", "score"}


def test_in_float32_live_traces_are_the_stored_ones_to_the_solves_tolerance(sample_run: RunFolder) -> None:
    """Rounding may swap pairs whose scores differ by less than the tolerance: the first ones differ by more."""
    tracer, traces = Tracer.open(sample_run), sample_run.table("traces")
    for query_id in traces["query_id"].unique()[:4]:
        stored = traces[(traces["query_id"] == query_id) & (traces["rank"] <= 12)].reset_index(drop=True)
        found = tracer.trace(PredictionQuestion(query_id)).pairs
        same_trace(found[found["rank"] <= 12].reset_index(drop=True), stored, 1e-4)


def test_products_are_reported_up_to_the_number_that_the_run_took(sample_run: RunFolder) -> None:
    said, tracer = [], Tracer.open(sample_run)
    tracer.trace(PredictionQuestion(sample_run.table("queries")["query_id"].iloc[3]), lambda *at: said.append(at))
    products = [done for step, done, _ in said if step == "solving"]
    assert products == list(range(len(products))) and len(products) > 5
    assert said[0] == ("solving", 0, tracer.expected_products) and said[-1] == ("scoring", 0, len(tracer.scores))
    assert abs(len(products) - tracer.expected_products) <= 3


def test_a_trace_survives_json_with_its_types(exact_run: RunFolder) -> None:
    query_id = exact_run.table("queries")["query_id"].iloc[2]
    found = Tracer.open(exact_run).trace(PredictionQuestion(query_id))
    again = Traced.from_message(json.loads(json.dumps(found.to_message())))
    pd.testing.assert_frame_equal(again.pairs, found.pairs)
    assert again.status == found.status


def test_given_features_without_an_encoder_can_be_traced(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    hidden = random.normal(size=(40, 6))
    for kind in ("img_emb", "text_emb", "metadata"):
        (tmp_path / "given" / kind).mkdir(parents=True)
    for kind in ("img_emb", "text_emb"):
        np.save(tmp_path / "given" / kind / f"{kind}_0.npy", hidden + 0.5 * random.normal(size=hidden.shape))
    split = ["train"] * 24 + ["validation"] * 8 + ["test"] * 8
    metadata = pd.DataFrame({"image": "given", "caption": [f"caption {n}" for n in range(40)], "split": split})
    metadata.to_parquet(tmp_path / "given" / "metadata" / "metadata_0.parquet")
    given = {"batch_size": 8, "segmentations": 1, "sketches": 2, "trace_queries": 0, "out": str(tmp_path / "runs")}
    folder = run(RunConfig(str(tmp_path / "given"), f"embeddings:{tmp_path / 'given'}", dtype="float64", **given))
    query_id = folder.table("queries")["query_id"].iloc[-1]
    stored, _ = traces_table(load_study(folder), folder.table("scores"), [query_id], lambda done, of: None)
    same_trace(Tracer.open(folder).trace(PredictionQuestion(query_id)).pairs, stored, 1e-8)


def test_other_tiers_say_why_they_are_not_traced_live(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(tiny_models.adapter_run(tmp_path).to_json(), encoding="utf-8")
    with pytest.raises(ConfigError, match="--tier heads"):
        check_traceable(RunFolder(tmp_path))


def test_a_query_that_is_none_is_refused(exact_run: RunFolder) -> None:
    tracer = Tracer.open(exact_run)
    for query_id in ("classification:none", "no kind", "retrieval:"):
        with pytest.raises(ConfigError, match="query id"):
            tracer.trace(PredictionQuestion(query_id))
    for message in ({}, {"query_id": ""}, {"query_id": 7}, {"query_id": None}):
        with pytest.raises(ConfigError, match="query id"):
            PredictionQuestion.from_message(message)


@pytest.mark.parametrize("loss", ["clip", "siglip", "dcl"])
def test_stacked_batches_of_several_sizes_give_the_products_and_scores_of_single_ones(
    loss: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.asking.stacked.ROWS", 12)
    generator, number = torch.Generator().manual_seed(1), {"dtype": torch.float64}
    heads = Heads(
        *(torch.randn(5, wide, generator=generator, **number) for wide in (7, 6)), torch.tensor(1.5, **number)
    )
    text, image = (torch.randn(40, wide, generator=generator, **number) for wide in (7, 6))
    plain = HeadsFeatureMap(heads, text, image, chunk_size=9)
    order = np.random.default_rng(0).permutation(39)  # one pair is in no batch
    segmentations = [
        BatchSegmentation(tuple(np.split(order, cuts)), 40) for cuts in ([6, 12, 18, 24, 30, 36], [5, 10, 15, 20, 25])
    ]
    direction = torch.randn(1, plain.subset.num_parameters, generator=generator, **number)
    kept = KeptHeadsFeatureMap.of(plain)
    single = GaussNewton(plain, LOSSES[loss], segmentations[0], 0.3)
    together = StackedGaussNewton.of(GaussNewton(kept, LOSSES[loss], segmentations[0], 0.3))
    assert len(together.stacks) == 4
    both = torch.cat([direction, direction.flip(1)])
    torch.testing.assert_close(together.matvec(both), single.matvec(both))
    expected = segmented_scores(plain, LOSSES[loss], segmentations, direction)
    found = stacked_scores(kept, LOSSES[loss], segmentations, direction, "exact")
    for role in ("positive", "negative"):
        theirs = getattr(expected.mean, role)
        torch.testing.assert_close(getattr(found.mean, role), theirs, equal_nan=True)
        assert theirs.isnan().sum() == 1 and theirs.nan_to_num().abs().max() > 1e-3
    torch.testing.assert_close(found.std, expected.std, equal_nan=True)


@pytest.mark.parametrize("with_bias", [False, True])
def test_kept_features_give_what_the_plain_map_gives(with_bias: bool) -> None:
    generator, number = torch.Generator().manual_seed(0), {"dtype": torch.float64}

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, **number)

    bias = normal(5) if with_bias else None
    heads = Heads(normal(5, 7), normal(5, 6), torch.tensor(2.0, **number), bias, bias, bias[0] if with_bias else None)
    plain = HeadsFeatureMap(heads, normal(11, 7), normal(11, 6), log_logit_scale=True, chunk_size=4)
    kept = KeptHeadsFeatureMap.of(plain)
    texts, images = torch.tensor([3, 0, 10, 9, 1, 2]), torch.tensor([5, 4, 7])
    directions = normal(3, plain.subset.num_parameters)
    cotangents = Features(normal(3, 6, 5), normal(3, 3, 5), normal(3), normal(3))
    for ours, theirs in (
        (kept.features(texts, images), plain.features(texts, images)),
        (kept.tangents(texts, images, directions), plain.tangents(texts, images, directions)),
        (kept.tangents(texts[:0], images, directions), plain.tangents(texts[:0], images, directions)),
    ):
        for name, value in dataclasses.asdict(theirs).items():
            torch.testing.assert_close(getattr(ours, name), value)
    pulled = plain.pullback(texts, images, cotangents)
    torch.testing.assert_close(kept.pullback(texts, images, cotangents), pulled)
    torch.testing.assert_close(kept.features_and_pullback(texts, images)[1](cotangents), pulled)
    moved = kept.moved(directions[0])
    torch.testing.assert_close(moved.features(texts, images), plain.moved(directions[0]).features(texts, images))
    assert not torch.equal(moved.features(texts, images).text, kept.features(texts, images).text)
