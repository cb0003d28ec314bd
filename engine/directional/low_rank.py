"""Linear layers whose weight has a change of low rank, W' = W + s·B A, differentiated in x, A and B.

The value is one product with W', as in a model without an adapter. No derivative makes a matrix of its size: with g the
cotangent of y,

    y = x W'ᵀ        dy = dx W'ᵀ + s [(x Aᵀ) dBᵀ + (x dAᵀ) Bᵀ]        dx ← g W'   dA ← s (g B)ᵀ x   dB ← s gᵀ (x Aᵀ)
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.models.lora import ChangedWeight

LINEAR = functional.linear
"""the library's own, whatever stands in its place for a while"""


class LowRankLinear(torch.autograd.Function):
    """x W'ᵀ + bias with gradients for x, A and B; W' is a constant to autograd, and its derivative is written out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, down: Tensor, up: Tensor, weight: Tensor, bias: Tensor | None, scaling: float):
        """The layer's value; `weight` is W', `down` A and `up` B."""
        ctx.save_for_backward(x, down, up, weight)
        ctx.scaling = scaling
        return LINEAR(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Tensor | None, ...]:
        """Gradients of x, A and B, each differentiable again: the step to x is the same kind of layer, transposed."""
        x, down, up, weight = ctx.saved_tensors
        needs_x, needs_down, needs_up, *_ = ctx.needs_input_grad
        dtype, grads = cotangent.dtype, [None, None, None]
        own = [part.dtype for part in (x, down, up)]
        x, down, up, weight = (part.to(dtype) for part in (x, down, up, weight))
        if needs_x:
            grads[0] = LowRankLinear.apply(cotangent, up.T, down.T, weight.T, None, ctx.scaling).to(own[0])
        rows, cotangents = x.reshape(-1, x.shape[-1]), cotangent.reshape(-1, cotangent.shape[-1])
        if needs_down:
            grads[1] = (ctx.scaling * LINEAR(cotangents, up.T.contiguous()).T @ rows).to(own[1])
        if needs_up:  # transposed twice: a tall matrix on the left of a thin one is many times slower
            grads[2] = (LINEAR(rows, ctx.scaling * down).T @ cotangents).T.to(own[2])
        return (*grads, None, None, None)


def add_low_rank_tangent(
    tangent: Tensor | None, x: Tensor, low: Tensor, change: ChangedWeight, moved: tuple[Tensor | None, Tensor | None]
) -> Tensor | None:
    """`tangent` + s [(x Aᵀ) dBᵀ + (x dAᵀ) Bᵀ], in place; None stands for zero.

    Args:
        tangent: what x's own tangent gives, `[..., out]`.
        x: the layer's input, `[..., in]`.
        low: x Aᵀ, `[..., rank]`.
        change: B and s are read.
        moved: dA and dB.
    """
    (moved_down, moved_up), up = moved, change.up
    left, right = [], []
    if moved_up is not None:
        left.append(low)
        right.append(moved_up)
    if moved_down is not None:
        left.append(LINEAR(x, moved_down))
        right.append(up)
    if not left:
        return tangent
    left, right = torch.cat(left, -1), torch.cat(right, -1).to(low.dtype)
    if tangent is None:
        return LINEAR(left, change.scaling * right)
    flat = tangent.reshape(-1, tangent.shape[-1])
    return flat.addmm_(left.reshape(-1, left.shape[-1]), right.T, alpha=change.scaling).view(tangent.shape)
