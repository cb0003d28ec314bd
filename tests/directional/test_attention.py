"""The written-out forward derivative of attention against differences of the library's own attention."""

import pytest
import torch
from torch.autograd import forward_ad
from torch.nn import functional

from engine.directional.rules import derivative_rules
from engine.directional.tape import Tape

KEEP = torch.tensor([[True, True, False], [True, True, True], [False, True, True], [True, False, True]])
CASES = {
    "plain": {},
    "causal": {"is_causal": True},
    "with a mask of what to read": {"attn_mask": KEEP},
    "with a mask that is added": {"attn_mask": torch.randn(4, 3, dtype=torch.float64)},
    "with its own scale": {"scale": 0.3},
}


@pytest.mark.parametrize("moving", [(0, 1, 2), (0,), (1,), (2,)])
@pytest.mark.parametrize("case", CASES)
def test_the_derivative_is_that_of_the_library_s_attention(case: str, moving: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = ((2, 2, 4, 5), (2, 2, 3, 5), (2, 2, 3, 6))
    start = [torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in shapes]
    direction = [torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in shapes]
    fused = functional.scaled_dot_product_attention

    def at(step: float) -> torch.Tensor:
        moved = [part + step * direction[i] if i in moving else part for i, part in enumerate(start)]
        return fused(*moved, **CASES[case])

    tape = Tape()
    for times in (1.0, 2.0):  # the second pass reads what the first has kept
        with derivative_rules(tape=tape), forward_ad.dual_level():
            duals = [forward_ad.make_dual(p, times * direction[i]) if i in moving else p for i, p in enumerate(start)]
            value, tangent = forward_ad.unpack_dual(functional.scaled_dot_product_attention(*duals, **CASES[case]))
        torch.testing.assert_close(value, at(0.0))
        torch.testing.assert_close(tangent, times * (at(1e-6) - at(-1e-6)) / 2e-6, rtol=1e-6, atol=1e-8)
        assert tangent.abs().max() > 0.1


def test_attention_with_dropout_is_refused_in_forward_mode() -> None:
    part = torch.ones(1, 1, 2, 2)
    with pytest.raises(NotImplementedError, match="dropout"), derivative_rules(), forward_ad.dual_level():
        dual = forward_ad.make_dual(part, part)
        functional.scaled_dot_product_attention(dual, part, part, dropout_p=0.5)
