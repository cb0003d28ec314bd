"""Attention with a forward derivative written out, for forward-mode passes.

The fused kernels have no forward rule, and the plain form that has one goes many times through matrices of the size
tokens × tokens. Written out, with P = softmax(s Q Kᵀ + mask):

    O = P V        dS = s (dQ Kᵀ + Q dKᵀ)        dO = [P∘(dS − rowsum(P∘dS))] V + P dV
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional

from engine.models.precision import HALVES


@contextlib.contextmanager
def forward_attention() -> Iterator[None]:
    """Inside this context attention has a fast forward derivative; as it was before afterwards."""
    fused, fast = functional.scaled_dot_product_attention, torch.backends.mha.get_fastpath_enabled()
    functional.scaled_dot_product_attention = _attention
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        functional.scaled_dot_product_attention = fused
        torch.backends.mha.set_fastpath_enabled(fast)


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    **unsupported: Any,
) -> Tensor:
    """The arguments of `scaled_dot_product_attention`; nothing is dropped out at evaluation.

    In half precision the products are made in float32: a softmax's derivative is a difference of near equals.
    """
    if dropout_p or any(unsupported.values()):
        raise NotImplementedError(f"attention with dropout or {', '.join(unsupported)} in forward mode")
    parts = [forward_ad.unpack_dual(part) for part in (query, key, value)]
    if query.dtype not in HALVES:
        return _joined(*_moved_attention(parts, attn_mask, is_causal, scale))
    with torch.autocast(query.device.type, enabled=False):
        wide = [(p.float(), None if t is None else t.float()) for p, t in parts]
        found = _moved_attention(wide, attn_mask, is_causal, scale)
    return _joined(*(None if part is None else part.to(query.dtype) for part in found))


def _joined(value: Tensor, tangent: Tensor | None) -> Tensor:
    return value if tangent is None else forward_ad.make_dual(value, tangent)


def _moved_attention(
    parts: list[tuple[Tensor, Tensor | None]], attn_mask: Tensor | None, is_causal: bool, scale: float | None
) -> tuple[Tensor, Tensor | None]:
    """Attention and its derivative from queries, keys and values with theirs; None stands still."""
    (q, dq), (k, dk), (v, dv) = parts
    scale = 1.0 / math.sqrt(q.shape[-1]) if scale is None else scale
    logits = (scale * q) @ k.transpose(-2, -1)
    if is_causal:
        attn_mask = torch.ones(logits.shape[-2:], dtype=torch.bool, device=logits.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        logits = logits.masked_fill(~attn_mask, float("-inf"))
    elif attn_mask is not None:
        logits = logits + attn_mask
    shares = logits.softmax(-1)
    out = shares @ v
    moved = None
    if dq is not None:
        moved = (scale * dq) @ k.transpose(-2, -1)
    if dk is not None:
        by_key = (scale * q) @ dk.transpose(-2, -1)
        moved = by_key if moved is None else moved.add_(by_key)
    tangent = None
    if moved is not None:
        moved.mul_(shares)
        moved.addcmul_(shares, moved.sum(-1, keepdim=True), value=-1)
        tangent = moved @ v
    if dv is not None:
        tangent = shares @ dv if tangent is None else tangent + shares @ dv
    return out, tangent
