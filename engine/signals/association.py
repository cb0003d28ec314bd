"""Association: the log-likelihood ratio of "image and caption belong together" against "they met by chance".

Probabilistic canonical correlation analysis (Bach and Jordan 2005): variates a, b of a matched pair are jointly normal,
direction by direction, with correlation ρ; of an unmatched one they are independent. So

    A(a, b) = Σ_k [ρ_k a_k b_k − ½ ρ_k² (a_k² + b_k²)] / (1 − ρ_k²) − ½ log(1 − ρ_k²)            [nats]

Unlike a cosine it knows how much each direction can be relied on, and that a plain image or caption says little.
Cost: one product per candidate; against all references two matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from engine.signals.interface import Candidates, Variates


@dataclass(frozen=True)
class Association:
    """Log-likelihood ratio of a match, nats; lower is more suspect."""

    name: str = "association"
    sign: int = -1

    def __call__(self, candidates: Candidates) -> Tensor:
        """A of each candidate, `[candidates]`, nats."""
        return own_association(candidates)


def own_association(candidates: Candidates) -> Tensor:
    """A of each candidate's image and caption, `[candidates]`, nats."""
    variates = candidates.space.variates
    return paired_association(variates, variates.image[candidates.images], variates.text[candidates.texts])


def paired_association(variates: Variates, image: Tensor, text: Tensor) -> Tensor:
    """A row by row; leading axes are broadcast.

    Args:
        variates: gives the correlations.
        image: `[..., variates]`.
        text: `[..., variates]`.

    Returns:
        `[...]`, nats.
    """
    product, square = _weights(variates.correlations)
    return ((image * text) @ product) - (image.square() + text.square()) @ square + _constant(variates)


def association_table(variates: Variates, first: Tensor, second: Tensor) -> Tensor:
    """A of every row of one side with every row of the other; A is symmetric in its sides.

    Args:
        variates: gives the correlations.
        first: `[rows, variates]`.
        second: `[columns, variates]`.

    Returns:
        `[rows, columns]`, nats.
    """
    product, square = _weights(variates.correlations)
    table = (first * product) @ second.T
    return table.sub_((first.square() @ square)[:, None]).sub_(second.square() @ square).add_(_constant(variates))


def _weights(correlations: Tensor) -> tuple[Tensor, Tensor]:
    odds = 1.0 / (1.0 - correlations.square())
    return correlations * odds, 0.5 * correlations.square() * odds


def _constant(variates: Variates) -> Tensor:
    return -0.5 * (1.0 - variates.correlations.square()).log().sum()
