"""Attention with a forward derivative written out, for forward-mode passes.

The fused kernels have no forward rule, and the plain form that has one goes many times through matrices of the size
tokens × tokens. Written out, with P = softmax(s Q Kᵀ + mask):

    O = P V        dS = s (dQ Kᵀ + Q dKᵀ)        dO = [P∘(dS − rowsum(P∘dS))] V + P dV

The bracket is what a softmax's reverse pass computes of dS, because its Jacobian is symmetric.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from engine.directional.tape import Site
from engine.models.precision import HALVES


def attention(
    own: Callable[..., Tensor],
    site: Site,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    **unsupported: Any,
) -> Tensor:
    """What the library's `scaled_dot_product_attention`, `own`, gives of the same arguments, with its tangent.

    In half precision the products are made in float32: a softmax's derivative is a difference of near equals.
    """
    parts = [forward_ad.unpack_dual(part) for part in (query, key, value)]
    if all(tangent is None for _, tangent in parts):
        still = (attn_mask, dropout_p, is_causal)
        return site.keep("value", lambda: own(query, key, value, *still, scale=scale, **unsupported))
    if dropout_p or any(unsupported.values()):
        raise NotImplementedError(f"attention with dropout or {', '.join(unsupported)} in forward mode")
    if query.dtype not in HALVES:
        return forward_ad.make_dual(*_moved_attention(site, parts, attn_mask, is_causal, scale))
    with torch.autocast(query.device.type, enabled=False):
        wide = [(p.float(), None if t is None else t.float()) for p, t in parts]
        found = _moved_attention(site, wide, attn_mask, is_causal, scale)
    return forward_ad.make_dual(*(part.to(query.dtype) for part in found))


def _moved_attention(
    site: Site,
    parts: list[tuple[Tensor, Tensor | None]],
    attn_mask: Tensor | None,
    is_causal: bool,
    scale: float | None,
) -> tuple[Tensor, Tensor]:
    """Attention and its derivative from queries, keys and values with theirs; None stands still."""
    (q, dq), (k, dk), (v, dv) = parts
    scale = 1.0 / math.sqrt(q.shape[-1]) if scale is None else scale
    scaled = scale * q
    shares = site.keep("shares", lambda: _shares(scaled, k, attn_mask, is_causal))
    out = site.keep("value", lambda: shares @ v)
    moved = None
    if dq is not None:
        moved = (scale * dq) @ k.transpose(-2, -1)
    if dk is not None:
        by_key = scaled @ dk.transpose(-2, -1)
        moved = by_key if moved is None else moved.add_(by_key)
    tangent = None
    if moved is not None:
        tangent = torch._softmax_backward_data(moved, shares, -1, shares.dtype) @ v
    if dv is not None:
        tangent = shares @ dv if tangent is None else tangent.add_(shares @ dv)
    return out, tangent


def _shares(scaled_query: Tensor, key: Tensor, attn_mask: Tensor | None, is_causal: bool) -> Tensor:
    """The softmax, `[..., queries, keys]`."""
    logits = scaled_query @ key.transpose(-2, -1)
    if is_causal:
        attn_mask = torch.ones(logits.shape[-2:], dtype=torch.bool, device=logits.device).tril()
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        logits = logits.masked_fill(~attn_mask, float("-inf"))
    elif attn_mask is not None:
        logits = logits + attn_mask
    return logits.softmax(-1)
