"""Rules of differentiation for the layers that towers are made of, in place of the library's.

Forward-mode differentiation of the library goes several times through every large matrix, and forgets each layer's
value. Here a layer's derivative is written out: linear layers, also with a change of low rank; layer norm and GELU,
whose Jacobians are symmetric, by the fused kernels of the reverse pass; attention (`engine.directional.attention`).
A layer that is called otherwise (or is none of these) has the library's own derivative, which is as right, only slower.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn import functional

from engine.directional.attention import attention
from engine.directional.low_rank import LowRankLinear, add_low_rank_tangent
from engine.directional.tape import Site, Tape, TapeReader
from engine.models.lora import ChangedWeight
from engine.models.precision import HALVES

LOCK = threading.RLock()
"""the library's functions are replaced for the whole process, so one thread at a time does it"""


@contextlib.contextmanager
def derivative_rules(changes: tuple[ChangedWeight, ...] = (), tape: Tape | None = None) -> Iterator[None]:
    """Inside this context layers follow the rules, for this thread; the library is as it was before afterwards.

    Args:
        changes: weights that are differentiated as changes of low rank.
        tape: keeps layers' values for further passes; None keeps nothing.
    """
    with LOCK:
        own = {name: getattr(functional, name) for name in RULES}
        fast = torch.backends.mha.get_fastpath_enabled()
        rules = _Pass({part.weight.untyped_storage().data_ptr(): part for part in changes}, TapeReader(tape))
        torch.backends.mha.set_fastpath_enabled(False)
        for name, rule in RULES.items():
            setattr(functional, name, partial(rules.call, own[name], rule))
        try:
            yield
        finally:
            for name, function in own.items():
                setattr(functional, name, function)
            torch.backends.mha.set_fastpath_enabled(fast)


class _Pass:
    """One pass under the rules."""

    def __init__(self, changes: dict[int, ChangedWeight], reader: TapeReader) -> None:
        self._changes, self._reader, self._thread = changes, reader, threading.get_ident()

    def call(self, own: Callable[..., Tensor], rule: Callable[..., Tensor], *given: Any, **named: Any) -> Tensor:
        """The rule in its own thread, the library's function in others."""
        if threading.get_ident() != self._thread:
            return own(*given, **named)
        return rule(self, own, self._reader.next_site(), *given, **named)

    def change_of(self, weight: Tensor) -> ChangedWeight | None:
        """The change of a weight or of some of its rows."""
        found = self._changes.get(weight.untyped_storage().data_ptr()) if self._changes else None
        return None if found is None else found.of_rows(weight)


def _linear(
    now: _Pass, own: Callable[..., Tensor], site: Site, input: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    change = now.change_of(weight)
    (x, dx), (w, dw), (b, db) = _unpacked(input), _unpacked(weight), _unpacked(bias)
    if change is None:
        value = site.keep("value", lambda: own(x, w, b))
        moved, low = (None, None), x
    else:
        (down, d_down), (up, d_up) = _unpacked(change.down), _unpacked(change.up)
        value = site.keep("value", lambda: LowRankLinear.apply(x, down, up, w, b, change.scaling))
        moved, change = (d_down, d_up), ChangedWeight(w, down, up, change.scaling)
        low = x if d_up is None else site.keep("low", lambda: own(x, down))
    tangent = None if dx is None else own(dx, w)
    if dw is not None:
        tangent = own(x, dw) if tangent is None else tangent.add_(own(x, dw))
    if change is not None:
        tangent = add_low_rank_tangent(tangent, x, low, change, moved)
    if db is not None:
        tangent = db.expand_as(value) if tangent is None else tangent.add_(db)
    return _joined(value, tangent)


def _layer_norm(
    now: _Pass,
    own: Callable[..., Tensor],
    site: Site,
    input: Tensor,
    normalized_shape: list[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    (x, dx), (w, dw), (b, db) = _unpacked(input), _unpacked(weight), _unpacked(bias)
    if dx is None and dw is None and db is None:
        return site.keep("value", lambda: own(x, normalized_shape, w, b, eps))
    wide = x.float() if x.dtype in HALVES else x
    shape = list(normalized_shape)
    mean, deviation = site.keep("moments", lambda: torch.native_layer_norm(wide, shape, None, None, eps)[1:])
    value = site.keep("value", lambda: own(x, normalized_shape, w, b, eps))
    tangent = None
    if dx is not None:
        backward, only_x = torch.ops.aten.native_layer_norm_backward, [True, False, False]
        tangent = backward(dx.to(wide.dtype), wide, shape, mean, deviation, None, None, only_x)[0]
        tangent = tangent if w is None else tangent.mul_(w)
    if dw is not None:
        by_weight = ((wide - mean) * deviation).mul_(dw)
        tangent = by_weight if tangent is None else tangent.add_(by_weight)
    if db is not None:
        tangent = db.expand_as(value) if tangent is None else tangent.add_(db)
    return _joined(value, tangent)


def _gelu(now: _Pass, own: Callable[..., Tensor], site: Site, input: Tensor, *, approximate: str = "none") -> Tensor:
    x, dx = _unpacked(input)
    value = own(x, approximate=approximate)  # not kept: it is wide, and cheap to compute again
    return _joined(value, None if dx is None else torch.ops.aten.gelu_backward(dx, x, approximate=approximate))


def _convolution(
    now: _Pass, own: Callable[..., Tensor], site: Site, input: Tensor, weight: Tensor, *others: Any, **named: Any
) -> Tensor:
    """The library's derivative; a convolution in which nothing moves, such as that into patches, is kept."""
    given = (input, weight, *(part for part in (*others, *named.values()) if isinstance(part, Tensor)))
    if all(_unpacked(part)[1] is None for part in given):
        return site.keep("value", lambda: own(input, weight, *others, **named))
    return own(input, weight, *others, **named)


def _attention(now: _Pass, own: Callable[..., Tensor], site: Site, *given: Any, **named: Any) -> Tensor:
    return attention(own, site, *given, **named)


def _unpacked(part: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """A value and its tangent, None where it stands still."""
    return (None, None) if part is None else tuple(forward_ad.unpack_dual(part))


def _joined(value: Tensor, tangent: Tensor | None) -> Tensor:
    return value if tangent is None else forward_ad.make_dual(value, tangent.to(value.dtype))


RULES = {
    "conv2d": _convolution,
    "linear": _linear,
    "layer_norm": _layer_norm,
    "gelu": _gelu,
    "scaled_dot_product_attention": _attention,
}
"""by the library's name in `torch.nn.functional`"""
