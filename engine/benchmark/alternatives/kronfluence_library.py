"""kronfluence: hooks on linear layers that split the gradient of a batch by its rows."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from engine.benchmark.alternatives.interface import LOSS, Job, PairModel


@dataclass(frozen=True)
class Hooks:
    """Its own scores with its own curvature; a contrastive batch is a batch of its loader."""

    curvature: str
    """a strategy of kronfluence: identity or ekfac"""
    package: str = "kronfluence"
    how: str = (
        "the rows of the batch's gradient at each linear layer, one per text or image: not the removal term, which "
        "changes the other rows as well"
    )

    @property
    def name(self) -> str:
        """What the table calls it."""
        return "kronfluence"

    def scores(self, job: Job) -> Tensor:
        """Its pairwise scores summed over the query's pairs, `[pairs]`."""
        from kronfluence.analyzer import Analyzer, prepare_model
        from kronfluence.arguments import FactorArguments, ScoreArguments

        logging.getLogger("kronfluence").setLevel(logging.ERROR)
        dtype = job.setting.inputs.pixels.dtype
        task = _task(job)
        model = prepare_model(job.fresh_model(), task)
        train, query = _dataset(job, job.setting.pairs), _dataset(job, job.validation)
        size = job.setting.config.batch_size
        with tempfile.TemporaryDirectory() as folder:
            on_cpu = not job.setting.inputs.pixels.is_cuda
            analyzer = Analyzer("benchmark", model, task, cpu=on_cpu, output_dir=folder, disable_tqdm=True)
            factors = FactorArguments(
                strategy=self.curvature,
                activation_covariance_dtype=dtype,
                gradient_covariance_dtype=dtype,
                per_sample_gradient_dtype=dtype,
                lambda_dtype=dtype,
            )
            analyzer.fit_all_factors("factors", train, per_device_batch_size=size, factor_args=factors)
            arguments = ScoreArguments(
                damping_factor=None,
                aggregate_query_gradients=True,
                score_dtype=dtype,
                per_sample_gradient_dtype=dtype,
                precondition_dtype=dtype,
            )
            analyzer.compute_pairwise_scores(
                "scores",
                "factors",
                query,
                train,
                per_device_query_batch_size=job.num_validation,
                per_device_train_batch_size=size,
                score_args=arguments,
            )
            return analyzer.load_pairwise_scores("scores")["all_modules"][0]


def _dataset(job: Job, which: Tensor) -> TensorDataset:
    pixels, tokens = job.rows(which)
    return TensorDataset(pixels.cpu(), *(part.cpu() for part in tokens.values()))


def _task(job: Job) -> Any:
    """The loss of a batch, and of the query, as kronfluence wants to be told."""
    from kronfluence.task import Task

    names = tuple(job.setting.inputs.tokens)
    layers = [f"model.{name.removesuffix('.weight')}" for name in job.weights]

    class Contrastive(Task):
        def compute_train_loss(self, batch: Any, model: nn.Module, sample: bool = False) -> Tensor:
            logits = _logits(batch, model, names)
            if not sample:
                return LOSS.pair_losses(logits).sum()
            # The curvature of a softmax is the covariance of gradients at labels that the model itself draws.
            drawn = [torch.multinomial(part.softmax(1).detach(), 1)[:, 0] for part in (logits, logits.T)]
            entropy = nn.functional.cross_entropy
            return 0.5 * sum(entropy(p, y, reduction="sum") for p, y in zip((logits, logits.T), drawn, strict=True))

        def compute_measurement(self, batch: Any, model: nn.Module) -> Tensor:
            return LOSS.pair_losses(_logits(batch, model, names)).sum()

        def get_influence_tracked_modules(self) -> list[str]:
            return layers

    return Contrastive()


def _logits(batch: Any, model: nn.Module, names: tuple[str, ...]) -> Tensor:
    text, image = model(batch[0], **dict(zip(names, batch[1:], strict=True)))
    inner: PairModel = getattr(model, "module", model)
    return inner.logit_scale * text @ image.T
