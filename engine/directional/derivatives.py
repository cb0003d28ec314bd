"""Two ways to the derivative of features along directions, and the check of one against the other.

Forward-mode differentiation is exact: one pass for the values, which all directions share, and little more than one for
each direction. Central differences cost two passes for each, run with any kernel, and are off by their step: 1e-2 of
the parameters' norm in float32, 1e-5 in float64.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from engine.directional.tape import Tape
from engine.errors import ModelError
from engine.memory import is_out_of_memory

Parameters = dict[str, Tensor]
RELATIVE_STEP = {torch.float32: 1e-2, torch.float64: 1e-5}
AGREEMENT = {torch.float32: 0.1, torch.float64: 1e-5}
"""relative difference between two ways to one derivative above which one of them is wrong"""


Function = Callable[[Parameters, Tape | None], Tensor]
"""of named parameters; keeps on the tape what the next call at the same values can use"""


class DirectionalDerivative(Protocol):
    """How a function of named parameters is differentiated along directions."""

    name: str

    def along(
        self, function: Function, start: Parameters, directions: Parameters, tape: Tape | None = None
    ) -> Iterator[Tensor]:
        """d/dt function(start + t direction) at t = 0, for each of the directions `[queries, *shape]` in turn.

        `tape` may hold what a call of `function` at `start` has kept.
        """


class ForwardMode:
    """Forward-mode automatic differentiation."""

    name = "forward-mode"

    def along(
        self, function: Function, start: Parameters, directions: Parameters, tape: Tape | None = None
    ) -> Iterator[Tensor]:
        """The derivatives, exact up to rounding; values are computed once and kept if there are several directions."""
        count = len(next(iter(directions.values())))
        tape = Tape() if tape is None and count > 1 else tape
        for query in range(count):
            with forward_ad.dual_level():
                duals = {name: forward_ad.make_dual(part, directions[name][query]) for name, part in start.items()}
                value, tangent = forward_ad.unpack_dual(function(duals, tape))
            yield torch.zeros_like(value) if tangent is None else tangent


class CentralDifferences:
    """[f(θ + εw) − f(θ − εw)] / 2ε."""

    name = "central differences"

    def along(
        self, function: Function, start: Parameters, directions: Parameters, tape: Tape | None = None
    ) -> Iterator[Tensor]:
        """The derivatives up to the square of the step; zero along a zero direction. Nothing is shared."""
        dtype = next(iter(start.values())).dtype
        for query in range(len(next(iter(directions.values())))):
            direction = {name: part[query] for name, part in directions.items()}
            length = _norm(direction)
            if length == 0:
                yield torch.zeros_like(function(start, None))
                continue
            step = float(RELATIVE_STEP[dtype] * _norm(start) / length)
            ahead = function({name: part + step * direction[name] for name, part in start.items()}, None)
            behind = function({name: part - step * direction[name] for name, part in start.items()}, None)
            yield (ahead - behind) / (2 * step)


WAYS: dict[str, DirectionalDerivative] = {"forward": ForwardMode(), "central": CentralDifferences()}


@dataclass(frozen=True)
class DerivativeCheck:
    """Which way was chosen for a model, and how the ways agreed on a few of its own inputs."""

    chosen: str
    """key of `WAYS`"""
    disagreement: dict[str, float]
    """for each way that runs: |⟨c, J w⟩ − ⟨Jᵀc, w⟩| / |⟨Jᵀc, w⟩| with the reverse pass, worst of the towers"""
    reason: str
    """a sentence for the record"""

    @property
    def way(self) -> DirectionalDerivative:
        """The chosen way."""
        return WAYS[self.chosen]


@contextlib.contextmanager
def plain_attention() -> Iterator[None]:
    """Attention in its plain form inside: the only one with a forward rule and a second derivative."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _norm(parameters: Parameters) -> Tensor:
    return torch.stack([part.norm() for part in parameters.values()]).norm()


def _ways(asked: str, is_half: bool) -> tuple[str, ...]:
    if asked != "auto":
        return (asked,)
    return ("forward",) if is_half else tuple(WAYS)


def choose_way(
    asked: str,
    tangents: Callable[[DirectionalDerivative], list[Tensor]],
    transpose: Callable[[list[Tensor]], Tensor],
    dtype: torch.dtype,
    is_half: bool = False,
) -> DerivativeCheck:
    """Try the ways on a few inputs of the model and take forward-mode if it runs and is right.

    Forward-mode comes first at every tier and number of directions: it is exact, and for one direction 2.3 to 2.5 plain
    passes were measured beside 2.0 of central differences, for eight together 1.3 to 1.6 each beside 2.0.

    A way is right if it is the transpose of the reverse pass: ⟨J w, J w⟩ = ⟨Jᵀ(J w), w⟩.

    Args:
        asked: "auto", or a key of `WAYS`.
        tangents: J w for fixed directions, by a way; one tensor per tower.
        transpose: ⟨Jᵀ c, w⟩ for cotangents c, one per tower: `[towers]`.
        dtype: of the parameters.
        is_half: whether products inside the towers are in half precision, whose rounding drowns differences.

    Raises:
        ModelError: if no way that was asked for is right.
    """
    disagreement: dict[str, float] = {}
    failures: dict[str, str] = {}
    for name in _ways(asked, is_half):
        try:
            found = tangents(WAYS[name])
        except (RuntimeError, NotImplementedError) as error:
            if is_out_of_memory(error):  # a shortage must not choose another way, with other scores
                raise
            failures[name] = str(error).strip().splitlines()[0][:160]
            continue
        squared = torch.stack([part.cpu().double().square().sum() for part in found])
        back = transpose(found).cpu().double()
        disagreement[name] = float(((squared - back).abs() / squared.clamp(min=1e-300)).max())
    right = [name for name, value in disagreement.items() if value <= AGREEMENT[dtype]]
    if not right:
        raise ModelError(
            "directional derivatives that agree with gradients",
            "; ".join([f"{WAYS[n].name}: off by {v:.2g}" for n, v in disagreement.items()] + list(failures.values())),
            "The model may not be differentiable as it stands; try --dtype float32, or --tier heads.",
        )
    reason = f"{WAYS[right[0]].name} agrees with gradients to {disagreement[right[0]]:.1e}"
    for name, why in failures.items():
        reason += f"; {WAYS[name].name} does not run on this model ({why})"
    return DerivativeCheck(right[0], disagreement, reason)
