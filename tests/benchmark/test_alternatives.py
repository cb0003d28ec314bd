"""The ways beside ours are asked for the same scores: those that say the same agree, those that cannot do not."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from engine.benchmark.alternatives import ALTERNATIVES
from engine.benchmark.alternatives.compare import Compared, brute_force, compare
from engine.benchmark.alternatives.formulas import DataInfPerPair, GradientPerPair
from engine.benchmark.alternatives.interface import Job, is_missing
from engine.benchmark.alternatives.job import sample_job
from engine.benchmark.alternatives.our_own import Scores


@pytest.fixture(scope="module")
def job() -> Job:
    return sample_job(12, 6, "float64", torch.device("cpu"))


@dataclass(frozen=True)
class Broken:
    name: str = "broken"
    curvature: str = "identity"
    package: str | None = None
    how: str = "not at all"

    def scores(self, job: Job) -> Tensor:
        raise ValueError("no such layer\nand more")


def run(job: Job, *ways) -> list[Compared]:
    return compare(job, ways, 1, lambda line: None)


def test_ours_is_brute_force_under_both_curvatures_and_through_either_path(job: Job) -> None:
    heads, encoders, curved = run(job, Scores("identity"), Scores("identity", "encoders"), Scores("gauss-newton"))
    assert heads.cosine == pytest.approx(1.0, abs=1e-9) == encoders.cosine
    assert curved.cosine > 0.999  # its damping is a multiple of an estimated mean eigenvalue
    truths = brute_force(job)
    assert abs(torch.corrcoef(torch.stack(list(truths.values())))[0, 1]) < 0.99  # the curvatures differ


def test_autograd_agrees_and_a_formula_without_negatives_does_not(job: Job) -> None:
    exact, without = run(job, GradientPerPair(shared=False), DataInfPerPair())
    assert exact.cosine == pytest.approx(1.0, abs=1e-9)
    assert without.cosine < 0.99 and without.why_not is None


def test_what_is_not_installed_or_breaks_is_named_and_the_rest_goes_on(job: Job) -> None:
    found = run(job, Broken(package="no_such_library"), Broken(), Scores("identity"))
    assert found[0].why_not == "no_such_library is not installed"
    assert found[1].why_not == "ValueError: no such layer"
    assert found[2].why_not is None and found[2].seconds > 0 and found[2].memory_bytes >= 0


@pytest.mark.parametrize("way", [one for one in ALTERNATIVES if one.package], ids=lambda one: f"{one.name}")
def test_a_library_that_is_installed_gives_a_score_to_every_pair(job: Job, way) -> None:
    if is_missing(way):
        pytest.skip(f"{way.package} is not installed")
    (found,) = run(job, way)
    assert found.why_not is None
    assert found.seconds > 0
