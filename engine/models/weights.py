"""Writing a model with other weights than it holds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


@contextlib.contextmanager
def weights_in_place(module: nn.Module, weights: dict[str, Tensor]) -> Iterator[None]:
    """The module with these parameters inside the block, and with its own again after it.

    Args:
        module: the model; parameters it lacks are passed over.
        weights: by parameter name.
    """
    parameters = {name: part for name, part in module.named_parameters() if name in weights}
    own = {name: part.detach().clone() for name, part in parameters.items()}
    try:
        _copy(parameters, weights)
        yield
    finally:
        _copy(parameters, own)


@torch.no_grad()
def _copy(parameters: dict[str, nn.Parameter], values: dict[str, Tensor]) -> None:
    for name, part in parameters.items():
        part.copy_(values[name].reshape(part.shape))
