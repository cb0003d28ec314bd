"""TRAK with its CLIP task: an output per pair against others drawn at random, projected gradients, its own kernel."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from engine.benchmark.alternatives.interface import Job, PairModel

PROJECTION = 512
"""numbers that a gradient is projected to"""


@dataclass(frozen=True)
class ClipTask:
    """TRAK's scores of the query's pairs, summed."""

    name: str = "TRAK, its CLIP task"
    curvature: str = "trak"
    package: str = "trak"
    how: str = (
        "its own output of a pair against pairs drawn at random, and its own kernel: not the batches of the training "
        "and not this loss; a batch cannot be given"
    )

    def scores(self, job: Job) -> Tensor:
        """`[pairs]`."""
        from trak import TRAKer
        from trak.modelout_functions import CLIPModelOutput

        logging.getLogger("TRAK").setLevel(logging.ERROR)
        device, size = job.setting.inputs.pixels.device, job.setting.config.batch_size
        model = _AsOpenClip(job.fresh_model(torch.float32), tuple(job.setting.inputs.tokens)).requires_grad_()
        pictures, packed = _packed(job)
        with torch.no_grad():
            image, text, _ = model(pictures[: job.num_pairs], packed[: job.num_pairs])

        class Task(CLIPModelOutput):
            def get_out_to_loss_grad(self, *given: Any) -> Tensor:
                # 0.3.2 gives `[pairs]` where its own store takes `[pairs, 1]`.
                return super().get_out_to_loss_grad(*given)[:, None]

        # `get_embeddings` would make these tables, but asks for CUDA whatever the device.
        CLIPModelOutput.image_embeddings, CLIPModelOutput.text_embeddings = image, text
        CLIPModelOutput.num_computed_embeddings = job.num_pairs
        torch.manual_seed(0)
        with tempfile.TemporaryDirectory() as folder:
            traker = TRAKer(
                model=model,
                task=Task(simulated_batch_size=size),
                train_set_size=job.num_pairs,
                save_dir=folder,
                device=device.type,
                proj_dim=PROJECTION,
                use_half_precision=False,
                logging_level=logging.ERROR,
                grad_wrt=[f"pairs.model.{name}" for name in job.weights],
                lambda_reg=1e-6,
            )
            traker.load_checkpoint(model.state_dict(), model_id=0)
            for first in range(0, job.num_pairs, size):
                part = slice(first, min(first + size, job.num_pairs))
                traker.featurize(batch=(pictures[part], packed[part]), num_samples=part.stop - part.start)
            traker.finalize_features()
            traker.start_scoring_checkpoint("query", model.state_dict(), 0, num_targets=job.num_validation)
            traker.score(batch=(pictures[job.num_pairs :], packed[job.num_pairs :]), num_samples=job.num_validation)
            return torch.as_tensor(traker.finalize_scores("query")).float().sum(1)


class _AsOpenClip(nn.Module):
    """What TRAK's task calls: image and text features and the multiplier, of one tensor each."""

    def __init__(self, pairs: PairModel, names: tuple[str, ...]) -> None:
        super().__init__()
        self.pairs, self._names = pairs, names

    def forward(self, image: Tensor, text: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        tokens = dict(zip(self._names, text.unbind(1), strict=True))
        words, pictures = self.pairs(image, **tokens)
        return pictures, words, self.pairs.logit_scale


def _packed(job: Job) -> tuple[Tensor, Tensor]:
    """Pictures in float32, and all token tensors of a text in one, `[pairs, kinds, tokens]`."""
    pixels, tokens = job.rows(torch.arange(job.num_pairs + job.num_validation))
    return pixels.float(), torch.stack(list(tokens.values()), 1)
