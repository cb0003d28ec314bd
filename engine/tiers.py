"""Which parameters are studied, and how they become the weights of the model: the seam behind `--tier`.

`heads` needs no encoder and has its own feature map; everything else is a `Parametrization` of the full encoders.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor
from torch.autograd import forward_ad

from engine.errors import ConfigError
from engine.models.interface import DualEncoder
from engine.models.lora import ChangedWeight, LoraAdapter

TEMPERATURE = ("logit_scale", "logit_bias")
"""studied only with --log-logit-scale, under the names of `Features`; never as a part of a tier"""


Keep = Callable[[str, Callable[[], Any]], Any]
"""(name, how to compute) → the tensors, computed or known already"""


class Parametrization(Protocol):
    """Studied parameters by name, and the weights of the model as a function of them."""

    start: dict[str, Tensor]
    """the parameters at θ̂"""

    def weights(self, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weights that differ from the stored model, by parameter name of the model; differentiable."""

    def applied(self, parameters: dict[str, Tensor], keep: Keep) -> tuple[dict[str, Tensor], tuple[ChangedWeight, ...]]:
        """`weights` for a pass that is differentiated layer by layer, and those that are constants to autograd.

        The latter are followed as changes of low rank by the layers that read them. `keep` is told what is the same for
        every direction at these values.
        """


@dataclass(frozen=True)
class NamedWeights:
    """Parameters of the model itself."""

    start: dict[str, Tensor]

    def weights(self, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        """The parameters, as they are."""
        return parameters

    def applied(self, parameters: dict[str, Tensor], keep: Keep) -> tuple[dict[str, Tensor], tuple[ChangedWeight, ...]]:
        """The parameters, as they are; none is a constant."""
        return parameters, ()


@dataclass(frozen=True)
class LoraWeights:
    """The matrices of an adapter on top of fixed weights."""

    adapter: LoraAdapter
    base: dict[str, Tensor]
    """the weights that the adapter changes, without it"""

    @property
    def start(self) -> dict[str, Tensor]:
        """The adapter's matrices."""
        return self.adapter.tensors

    def weights(self, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        """W + scaling · B A."""
        return self.adapter.merged(parameters, self.base)

    def applied(self, parameters: dict[str, Tensor], keep: Keep) -> tuple[dict[str, Tensor], tuple[ChangedWeight, ...]]:
        """W + scaling · B A, all of them constants, with A and B beside them."""
        still = {name: forward_ad.unpack_dual(part).primal.detach() for name, part in parameters.items()}
        merged = keep("merged", lambda: tuple(self.weights(still).values()))
        weights = {factor.weight: part for factor, part in zip(self.adapter.factors, merged, strict=True)}
        return weights, self.adapter.changes(parameters, weights)


def parametrization(tier: str, encoder: DualEncoder, adapter: LoraAdapter | None) -> Parametrization:
    """The parameters that `tier` names.

    Args:
        tier: lora, all, or a regular expression that is searched for in the model's parameter names.
        encoder: the model; for the tier lora without the adapter in its weights.
        adapter: for the tier lora, else None.

    Raises:
        ConfigError: if the expression matches nothing.
    """
    named = {name: part.detach() for name, part in encoder.module.named_parameters() if name not in TEMPERATURE}
    if adapter is not None:
        return LoraWeights(adapter, {f.weight: named[f.weight] for f in adapter.factors})
    chosen = named if tier == "all" else {name: part for name, part in named.items() if re.search(tier, name)}
    if not chosen:
        names = list(named)
        raise ConfigError(
            "a --tier (heads, lora, all, or a regular expression) that matches parameter names",
            repr(tier),
            f"Write one that matches names such as {names[0]} and {names[-1]}.",
        )
    return NamedWeights(chosen)
