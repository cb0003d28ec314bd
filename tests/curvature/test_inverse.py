"""What every curvature of the registry must be, whatever is inside."""

import pytest
import torch
from oracles import Problem, problem

from engine.config import CURVATURES, RunConfig
from engine.curvature import BUILDERS, InverseCurvature, SolveStatus, curvature_segmentation, inverse_curvature
from engine.directional import HeadsFeatureMap

DAMPING = 3.0
"""above the negative curvature of every problem here, so that the Hessian can be inverted"""
EVERY_CURVATURE = pytest.mark.parametrize("curvature", CURVATURES)


def built(one: Problem, curvature: str, **options: object) -> InverseCurvature:
    given = {"damping": DAMPING, "cg_tolerance": 1e-12, **options}
    config = RunConfig(pairs="", model="", curvature=curvature, loss=one.loss, **given)
    return inverse_curvature(config, one.feature_map, one.segmentation, one.theta)


def sides(one: Problem, rows: int = 3) -> torch.Tensor:
    return torch.randn(rows, len(one.theta), dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def test_the_registry_has_every_curvature_of_the_configuration() -> None:
    assert set(BUILDERS) == set(CURVATURES)


@EVERY_CURVATURE
@pytest.mark.parametrize("loss", ["clip", "siglip", "dcl"])
def test_the_inverse_is_symmetric_and_positive_definite(curvature: str, loss: str) -> None:
    one = problem(loss=loss, log_logit_scale=True, bias=True)
    found = built(one, curvature).solve(torch.eye(len(one.theta), dtype=torch.float64))
    assert found.status is SolveStatus.CONVERGED
    torch.testing.assert_close(found.values, found.values.T, rtol=1e-7, atol=1e-9)
    values = torch.linalg.eigvalsh(found.values)
    assert values[0] > 0
    assert (curvature == "identity") == bool(values[-1] - values[0] < 1e-3)


@EVERY_CURVATURE
def test_the_more_damping_the_more_it_is_the_identity(curvature: str) -> None:
    one = problem()
    gradients = sides(one)
    scale = 1.0 if curvature == "identity" else 1e6
    strong = built(one, curvature, damping=1e6).solve(gradients).values
    torch.testing.assert_close(scale * strong, gradients, rtol=1e-4, atol=1e-4)
    weak = built(one, curvature).solve(gradients).values
    assert curvature == "identity" or not torch.allclose(DAMPING * weak, gradients, rtol=1e-2)


@EVERY_CURVATURE
def test_a_solve_is_linear_in_its_right_hand_sides_and_serves_them_together(curvature: str) -> None:
    one = problem()
    inverse, gradients = built(one, curvature), sides(one)
    together = inverse.solve(gradients).values
    alone = torch.cat([inverse.solve(row[None]).values for row in gradients])
    torch.testing.assert_close(together, alone, rtol=1e-8, atol=1e-11)
    mixed = inverse.solve((2 * gradients[0] - 3 * gradients[1])[None]).values[0]
    torch.testing.assert_close(mixed, 2 * together[0] - 3 * together[1], rtol=1e-8, atol=1e-11)
    assert not torch.allclose(together[0], together[1], rtol=1e-2)


@EVERY_CURVATURE
def test_a_relative_damping_scales_the_absolute_one(curvature: str) -> None:
    one = problem()
    once, twice = (built(one, curvature, damping=None, relative_damping=r).damping for r in (50.0, 100.0))
    assert twice == pytest.approx(2 * once)
    assert (once > 0) == (curvature != "identity")


@EVERY_CURVATURE
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_solve_stays_on_its_device_and_in_its_precision(curvature: str, device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU on this machine")
    one, place = problem(log_logit_scale=True), torch.device(device)
    feature_map = HeadsFeatureMap(
        one.feature_map.heads.to(place, torch.float32),
        one.feature_map.text_inputs.to(place, torch.float32),
        one.feature_map.image_inputs.to(place, torch.float32),
        log_logit_scale=True,
    )
    single = Problem(feature_map, one.segmentation, one.theta.to(place, torch.float32))
    gradients = sides(one).to(place, torch.float32)
    found = built(single, curvature, cg_tolerance=None).solve(gradients).values
    assert (found.dtype, found.device.type) == (torch.float32, device)
    expected = built(one, curvature).solve(sides(one)).values
    torch.testing.assert_close(found.double().cpu(), expected, rtol=1e-3, atol=1e-4)  # float32 solves to about 1e-5


@pytest.mark.parametrize("curvature", [name for name in CURVATURES if name != "identity"])
def test_a_curvature_on_some_pairs_is_that_of_the_batches_used(curvature: str) -> None:
    one = problem(24, (6, 6, 6, 6))
    config = RunConfig(pairs="", model="", curvature=curvature, curvature_pairs=7, damping=DAMPING)
    used = curvature_segmentation(config, one.segmentation)
    assert [len(batch) for batch in used.batches] == [6, 6]
    some = inverse_curvature(config, one.feature_map, one.segmentation, one.theta).solve(sides(one)).values
    only = Problem(one.feature_map, used, one.theta)
    torch.testing.assert_close(some, built(only, curvature, cg_tolerance=None).solve(sides(one)).values)
    assert not torch.allclose(some, built(one, curvature).solve(sides(one)).values, rtol=1e-3)
