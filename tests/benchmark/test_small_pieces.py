"""The two kernels that every score goes through, timed by pytest-benchmark: `pytest -n 0 tests/benchmark -k pieces`.

Each also proves what makes it worth timing: that its cost does not grow as a gradient per pair would.
"""

import oracles
import torch

from engine.contrastive import ClipLoss
from engine.influence.scores import role_scores

ROUNDS = {"rounds": 10, "iterations": 1, "warmup_rounds": 1}


def test_removal_terms_of_a_batch_are_differentiated_for_several_queries(benchmark) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 10 * torch.randn(256, 256, generator=generator)
    tangents = torch.randn(8, 256, 256, generator=generator)
    found = benchmark.pedantic(ClipLoss().removal_derivatives, (logits, tangents), **ROUNDS)
    assert found.both.shape == (8, 256) and bool(found.both.isfinite().all())


def test_heads_score_all_pairs_in_one_directional_pass(benchmark) -> None:
    problem = oracles.problem(512, (128,) * 4)
    directions = torch.randn(8, len(problem.theta), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = benchmark.pedantic(
        role_scores, (problem.feature_map, ClipLoss(), problem.segmentation, directions), **ROUNDS
    )
    some = problem.removal_gradient(300) @ directions.T
    torch.testing.assert_close(found.both[:, 300], some)
