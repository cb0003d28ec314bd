"""The written-out derivatives of layers against the library's own, and against merged weights."""

import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional

from engine.directional.encoders import parameters_read_by
from engine.directional.low_rank import LowRankLinear
from engine.directional.rules import derivative_rules
from engine.directional.tape import Tape
from engine.errors import ModelError
from engine.inputs import Inputs
from engine.models.lora import ChangedWeight

RANK, SCALING = 2, 1.5
LAYERS = {
    "linear": (lambda x, w, b: functional.linear(x, w, b), ((3, 4, 5), (6, 5), (6,))),
    "linear without bias": (lambda x, w: functional.linear(x, w), ((3, 4, 5), (6, 5))),
    "layer norm": (lambda x, w, b: functional.layer_norm(x, (5,), w, b, 1e-3), ((3, 4, 5), (5,), (5,))),
    "layer norm without weights": (lambda x: functional.layer_norm(x, (4, 5)), ((3, 4, 5),)),
    "gelu": (lambda x: functional.gelu(x), ((3, 4),)),
    "gelu by a tanh": (lambda x: functional.gelu(x, approximate="tanh"), ((3, 4),)),
    "convolution": (lambda x, w, b: functional.conv2d(x, w, b, stride=2), ((2, 3, 8, 8), (4, 3, 2, 2), (4,))),
}
CASES = [(name, moving) for name, (_, shapes) in LAYERS.items() for moving in [(i,) for i in range(len(shapes))] + [()]]


def drawn(*shapes: tuple[int, ...], seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in shapes]


def moved(function: Callable[..., Tensor], start: list[Tensor], direction: dict[int, Tensor]) -> tuple:
    """Value and tangent of a function along a direction in some of its arguments."""
    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(p, direction[i]) if i in direction else p for i, p in enumerate(start)]
        return tuple(forward_ad.unpack_dual(function(*duals)))


@pytest.mark.parametrize(("name", "moving"), CASES)
def test_a_layer_s_rule_is_the_library_s_derivative_also_for_a_second_direction(name: str, moving: tuple) -> None:
    function, shapes = LAYERS[name]
    start, tape = drawn(*shapes), Tape()
    moving = moving or tuple(range(len(shapes)))  # one argument alone, and all together
    for seed in (1, 2):
        direction = {i: part for i, part in enumerate(drawn(*shapes, seed=seed)) if i in moving}
        value, tangent = moved(function, start, direction)
        with derivative_rules(tape=tape):
            found, found_tangent = moved(function, start, direction)
        torch.testing.assert_close(found, value, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(found_tangent, tangent, rtol=1e-10, atol=1e-12)
        assert tangent.abs().max() > 0.01


def changed_layer(out: int = 6, width: int = 5) -> tuple[Tensor, list[Tensor]]:
    """W, and [x, A, B]."""
    weight, *rest = drawn((out, width), (3, 4, width), (RANK, width), (out, RANK))
    return weight, rest


def test_a_change_of_low_rank_has_the_first_and_second_derivatives_of_merged_weights() -> None:
    weight, parts = changed_layer()

    def layer(x: Tensor, down: Tensor, up: Tensor) -> Tensor:
        return LowRankLinear.apply(x, down, up, (weight + SCALING * up @ down).detach(), None, SCALING)

    leaves = [part.requires_grad_() for part in parts]
    assert torch.autograd.gradcheck(layer, leaves) and torch.autograd.gradgradcheck(layer, leaves)


@pytest.mark.parametrize("moving", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_a_change_of_low_rank_moves_as_merged_weights_do(moving: tuple[int, ...]) -> None:
    weight, start = changed_layer()
    shapes = [tuple(part.shape) for part in start]
    merged = weight + SCALING * start[2] @ start[1]

    def whole(x: Tensor, down: Tensor, up: Tensor) -> Tensor:
        return functional.linear(x, weight + SCALING * up @ down)

    tape = Tape()

    def by_rank(x: Tensor, down: Tensor, up: Tensor) -> Tensor:
        with derivative_rules((ChangedWeight(merged, down, up, SCALING),), tape):
            return functional.linear(x, merged)

    for seed in (1, 2):
        direction = {i: part for i, part in enumerate(drawn(*shapes, seed=seed)) if i in moving}
        expected, found = moved(whole, start, direction), moved(by_rank, start, direction)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
        assert found[1].abs().max() > 0.1


def test_fused_attention_may_read_the_parts_of_a_changed_weight_apart() -> None:
    torch.manual_seed(0)
    attention, width = nn.MultiheadAttention(6, 2, batch_first=True).double(), 6
    (queries, keys), (down, up) = drawn((2, 3, width), (2, 4, width)), drawn((RANK, width), (3 * width, RANK), seed=1)
    merged = (attention.in_proj_weight + SCALING * up @ down).detach()

    def attended(weight: Tensor) -> Tensor:
        given = {"in_proj_weight": weight}
        return torch.func.functional_call(attention, given, (queries, keys, keys), {"need_weights": False})[0]

    leaves = [down.requires_grad_(), up.requires_grad_()]
    expected = torch.autograd.grad(attended(attention.in_proj_weight + SCALING * up @ down).square().sum(), leaves)
    with derivative_rules((ChangedWeight(merged, down, up, SCALING),)):
        found = torch.autograd.grad(attended(merged).square().sum(), leaves)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    assert min(part.norm() for part in found) > 0.1


def test_a_kept_value_that_a_model_has_written_into_is_computed_again() -> None:
    def careless(x: Tensor) -> Tensor:
        return functional.layer_norm(x, (4,)).mul_(2.0)

    (start,), (direction,), tape = drawn((3, 4)), drawn((3, 4), seed=1), Tape()
    expected = moved(careless, [start], {0: direction})
    for _ in range(3):
        with derivative_rules(tape=tape):
            torch.testing.assert_close(moved(careless, [start], {0: direction}), expected)
    assert len(tape.sites) == 1


def test_other_threads_keep_the_library_and_everyone_has_it_back_afterwards() -> None:
    own, tape, part = functional.gelu, Tape(), torch.ones(2)
    with derivative_rules(tape=tape):
        functional.gelu(part)
        thread = threading.Thread(target=lambda: functional.gelu(part))
        thread.start()
        thread.join()
        assert len(tape.sites) == 1
        assert functional.gelu is not own
    assert functional.gelu is own


class OneLayer(Inputs):
    """A model of one matrix, which it multiplies with by hand."""

    def __init__(self) -> None:
        matrix = nn.Linear(4, 3, bias=False)

        def embed(inputs: Tensor) -> Tensor:
            return inputs @ matrix.weight.T

        self.encoder = SimpleNamespace(module=matrix, embed_images=embed, embed_texts=embed)

    def chunks(self, kind: str, rows: Tensor, chunk_size: int) -> Iterator[tuple[slice, Tensor]]:
        yield slice(0, 1), torch.ones(1, 4)


def test_an_adapter_on_a_weight_that_no_linear_layer_reads_is_refused_not_passed_over() -> None:
    from engine.models.lora import new_adapter
    from engine.tiers import parametrization

    inputs = OneLayer()
    matrix = nn.Sequential(inputs.encoder.module)
    inputs.encoder.module = matrix
    adapter = new_adapter(matrix, RANK, 2.0, ("0",), seed=0)
    with pytest.raises(ModelError, match="reads in another way"):
        parameters_read_by(inputs, parametrization("lora", inputs.encoder, adapter))
