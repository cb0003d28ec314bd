"""DataInf against the formula written out with every gradient stored, both ways of computing it."""

import dataclasses
from pathlib import Path

import pytest
import torch
from oracles import Problem, problem
from small_data import small_config

from engine.config import RunConfig
from engine.contrastive import LOSSES
from engine.curvature.datainf import DataInf, datainf_inverse
from engine.directional import HeadsFeatureMap, KnowsPullbackNorms
from engine.errors import SolveError
from engine.pipeline import run
from engine.study import load_study


def built(one: Problem, **options: object) -> DataInf:
    config = RunConfig(pairs="", model="", curvature="datainf", loss=one.loss, **options)
    return datainf_inverse(config, one.feature_map, one.segmentation, one.theta)


def pair_gradients(one: Problem) -> torch.Tensor:
    """Gradient of every pair's loss within its batch, by autograd on the definition, `[pairs, parameters]`.

    A pair's loss is the derivative of the batch loss in a weight on its terms: its row and its column for the softmax
    losses, half of both for the sigmoid loss.
    """
    found = []
    for batch in (b.tolist() for b in one.segmentation.batches):

        def losses(theta: torch.Tensor, batch: list[int] = batch) -> torch.Tensor:
            logits = one.logits(theta, batch)
            size = len(batch)
            if one.loss == "siglip":
                entries = torch.nn.functional.softplus(logits * (1 - 2 * torch.eye(size, dtype=logits.dtype)))
                return torch.stack([0.5 * (entries[i].sum() + entries[:, i].sum()) for i in range(size)])
            rows = []
            for i in range(size):
                rivals = [j for j in range(size) if one.loss == "clip" or j != i]
                both = logits[i, rivals].exp().sum().log() + logits[rivals, i].exp().sum().log()
                rows.append(0.5 * both - logits[i, i])
            return torch.stack(rows)

        torch.testing.assert_close(losses(one.theta).sum(), one.batch_loss(one.theta, batch))
        found.append(torch.func.jacrev(losses)(one.theta))
    return torch.cat(found)


def reference(one: Problem, sides: torch.Tensor, damping: float | None = None) -> torch.Tensor:
    """The formula, one tensor and one pair after the other."""
    gradients, start, parts = pair_gradients(one), 0, []
    for shape in one.feature_map.subset.shapes.values():
        end = start + int(torch.tensor(shape).prod())
        g, v = gradients[:, start:end], sides[:, start:end]
        lam = 0.1 * g.square().mean() if damping is None else damping
        total = torch.zeros_like(v)
        for row in g:
            total += v - (v @ row / (lam + row @ row))[:, None] * row
        parts.append(total / (len(g) * lam))
        start = end
    return torch.cat(parts, 1)


def sides(one: Problem) -> torch.Tensor:
    return torch.randn(3, len(one.theta), dtype=torch.float64, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("by_blocks", [False, True, None])
@pytest.mark.parametrize("damping", [None, 0.3])
@pytest.mark.parametrize("loss", LOSSES)
def test_it_equals_the_formula_with_stored_gradients(loss: str, damping: float | None, by_blocks: bool | None) -> None:
    one = problem(loss=loss, log_logit_scale=True, bias=True)
    found = dataclasses.replace(built(one, damping=damping), by_blocks=by_blocks).solve(sides(one)).values
    expected = reference(one, sides(one), damping)
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)
    cosine = torch.nn.functional.cosine_similarity(expected, sides(one), dim=1)
    assert cosine.min() < 0.99, "the identity would pass"


def test_memory_limits_do_not_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    one = problem()
    for by_blocks in (False, True):
        whole = dataclasses.replace(built(one), by_blocks=by_blocks).solve(sides(one)).values
        with monkeypatch.context() as patch:
            patch.setattr("engine.curvature.tensors.ENTRIES_AT_ONCE", 70)
            piecewise = dataclasses.replace(built(one), by_blocks=by_blocks).solve(sides(one)).values
        torch.testing.assert_close(piecewise, whole, rtol=1e-12, atol=1e-14)


class Counting:
    """A feature map without norms of pullbacks that counts the rows of its pullbacks."""

    def __init__(self, inner: HeadsFeatureMap) -> None:
        self.inner, self.rows, self.subset = inner, 0, inner.subset
        self.features, self.tangents = inner.features, inner.tangents

    def pullback(self, texts: torch.Tensor, images: torch.Tensor, cotangents: object) -> torch.Tensor:
        self.rows += cotangents.text.shape[0]
        return self.inner.pullback(texts, images, cotangents)


@pytest.mark.parametrize("batch_sizes", [(7, 5), (3, 3, 3, 3)])  # more and fewer inputs than input dimensions
def test_the_heads_know_the_norms_of_their_pullbacks(batch_sizes: tuple[int, ...]) -> None:
    one = problem(batch_sizes=batch_sizes, log_logit_scale=True, bias=True, loss="siglip")
    assert isinstance(one.feature_map, KnowsPullbackNorms)
    counting = Counting(one.feature_map)
    assert not isinstance(counting, KnowsPullbackNorms)
    pulled = built(dataclasses.replace(one, feature_map=counting))
    assert counting.rows == 12
    for found, expected in zip(built(one).squared_norms, pulled.squared_norms, strict=True):
        assert found.shape == (found.shape[0], 4) and expected.min() > 1e-9
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-14)


def test_the_way_with_fewer_passes_is_taken() -> None:
    one = problem()  # batches of 7 and 5 pairs, two tensors
    inverse = built(one)
    for queries, pullbacks in ((1, 2 + 2), (2, 7 + 5)):
        counting = Counting(one.feature_map)
        dataclasses.replace(inverse, feature_map=counting).solve(sides(one)[:queries])
        assert counting.rows == pullbacks


def test_the_reported_damping_is_the_mean_over_the_parameters() -> None:
    one = problem()
    text, image = built(one).dampings.tolist()
    assert built(one).damping == pytest.approx((15 * text + 12 * image) / 27)
    assert text != pytest.approx(image, rel=1e-3)
    assert built(one, relative_damping=0.5).damping == pytest.approx(5 * built(one).damping)
    assert built(one, damping=0.7).damping == pytest.approx(0.7)


def test_a_tensor_without_any_gradient_is_refused_unless_a_damping_is_given() -> None:
    one = problem()
    silent = dataclasses.replace(one.feature_map, image_inputs=torch.zeros_like(one.feature_map.image_inputs))
    heads = dataclasses.replace(silent.heads, image_bias=torch.ones(3, dtype=torch.float64))
    still = dataclasses.replace(one, feature_map=dataclasses.replace(silent, heads=heads))
    with pytest.raises(SolveError, match="image_head"):
        built(still)
    values = built(still, damping=0.5).solve(sides(one)).values
    torch.testing.assert_close(values[:, 15:], sides(one)[:, 15:] / 0.5)


def test_a_finished_run_is_read_back_with_a_damping_for_each_tensor(tmp_path: Path) -> None:
    folder = run(small_config(tmp_path, curvature="datainf"))
    inverse = load_study(folder).inverse
    assert inverse.damping == folder.record["damping"]
    assert float(inverse.dampings.max()) > 1.01 * inverse.damping


def test_a_gradient_with_nan_is_refused_with_a_sentence() -> None:
    one = problem()
    with pytest.raises(SolveError, match="finite"):
        built(one).solve(torch.full((1, 27), float("nan"), dtype=torch.float64))
