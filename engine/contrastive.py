"""Contrastive losses, what one pair contributes to them, and their derivatives: the one page of maths.

A batch holds N pairs. `logits[i, j]` = logit_scale · (text i · image j): rows are texts, columns are
images, matched pairs lie on the diagonal. P is the softmax of each row (text → image), Q the softmax of
each column (image → text).

    pair loss      l_i = ½ (−log P_ii − log Q_ii)                    batch loss  L(B) = Σ_i l_i    [nats]
    removal term   R_n = L(B) − L(B without n) = positive_n + negative_n
    positive_n     = l_n                                              its own match
    negative_n     = ½ Σ_{k≠n} [−log(1 − P_kn) − log(1 − Q_nk)]       its part in everybody else's denominator

The identity is exact, because log Σ_{j≠n} e^{S_kj} = log Σ_j e^{S_kj} + log(1 − P_kn). Hu et al.
(arXiv 2411.11667) give the negative part to first order, ½ Σ [P_kn + Q_nk]: good for easy negatives, wrong
for hard ones. The reciprocal 1/P that some summaries print is a misprint.

Two more losses share the interface. DCL (decoupled, arXiv 2110.06848) leaves the match out of the denominators: P and
Q are softmaxes over the entries off the diagonal, everything else stands as above. SigLIP (arXiv 2303.15343) is a sum
over all entries, l_ij = log(1 + exp(−z_ij S_ij)) with z = 1 on the diagonal and −1 off it, S with a bias. Taking pair
n out takes out row n and column n: positive_n = l_nn and negative_n = Σ_{k≠n} (l_nk + l_kn), exact without a logarithm.

Numerical care: 1 − P loses every digit once an entry dominates its row. At most one entry of a row can
exceed ½, so that one entry is computed from the other entries of the row, and all others by log1p.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class RoleTerms:
    """One number per pair and role; `[..., pairs]`, nats (or nats per unit of direction)."""

    positive: Tensor
    negative: Tensor

    @property
    def both(self) -> Tensor:
        """The sum of the two roles, `[..., pairs]`."""
        return self.positive + self.negative


class ContrastiveLoss(Protocol):
    """A loss over one batch that depends on the parameters through its logits only."""

    def pair_losses(self, logits: Tensor) -> Tensor:
        """Loss of each pair, `[pairs]`, nats; the batch loss is their sum."""

    def logit_gradient(self, logits: Tensor) -> Tensor:
        """Gradient of the batch loss, `[texts, images]`."""

    def curvature_product(self, logits: Tensor, tangents: Tensor) -> Tensor:
        """Hessian of the batch loss in the logits times `tangents`, `[queries, texts, images]`."""

    def curvature_sample(self, logits: Tensor, noise: Tensor) -> Tensor:
        """Logit cotangents with that Hessian as covariance, from normal `noise` `[2, queries, texts, images]`."""

    def removal_terms(self, logits: Tensor, negative_term: str = "exact") -> RoleTerms:
        """What the batch loss loses when each single pair leaves, `[pairs]`, nats."""

    def removal_derivatives(self, logits: Tensor, tangents: Tensor, negative_term: str = "exact") -> RoleTerms:
        """Derivative of `removal_terms` along logit tangents `[queries, texts, images]`: `[queries, pairs]`."""

    def disturbance_derivatives(self, logits: Tensor, tangents: Tensor, negative_term: str = "exact") -> Tensor:
        """The negative part of it, by the anchor whose loss it is: `[queries, negatives n, anchors k]`."""

    def row_derivatives(self, logits: Tensor, tangents: Tensor, pair: int, rows: Tensor, moved: Tensor) -> Tensor:
        """Derivative of what the batch loss owes to row `pair`, with other texts in it: `[texts]`."""


class ClipLoss:
    """The symmetric softmax loss of CLIP (Radford et al. 2021), in nats per pair.

    open_clip's and transformers' losses are the mean of `pair_losses` over the batch.
    """

    def denominators(self, logits: Tensor) -> Tensor:
        """The logits that compete with each other in rows and columns, `[texts, images]`; −inf where one does not."""
        return logits

    def pair_losses(self, logits: Tensor) -> Tensor:
        """Loss of each pair, `[pairs]`, nats."""
        competing = self.denominators(logits)
        return 0.5 * (torch.logsumexp(competing, 1) + torch.logsumexp(competing, 0)) - logits.diagonal()

    def logit_gradient(self, logits: Tensor) -> Tensor:
        """Gradient of the batch loss: ½(P + Q) − I, `[texts, images]`."""
        competing = self.denominators(logits)
        gradient = 0.5 * (competing.softmax(1) + competing.softmax(0))
        gradient.diagonal().sub_(1.0)
        return gradient

    def curvature_product(self, logits: Tensor, tangents: Tensor) -> Tensor:
        """½[P∘(dS − m1) + Q∘(dS − m2)], with m the P- and Q-means of dS; `[queries, texts, images]`."""
        competing = self.denominators(logits)
        by_row, by_column = competing.softmax(1), competing.softmax(0)
        row_mean = (by_row * tangents).sum(2, keepdim=True)
        column_mean = (by_column * tangents).sum(1, keepdim=True)
        return 0.5 * (by_row * (tangents - row_mean) + by_column * (tangents - column_mean))

    def curvature_sample(self, logits: Tensor, noise: Tensor) -> Tensor:
        """√½[P^½∘e − P rowsum(P^½∘e)] + √½ the same for Q by columns; `[queries, texts, images]`.

        Args:
            logits: `[texts, images]`.
            noise: standard normal, `[2, queries, texts, images]`: for rows and for columns.
        """
        competing = self.denominators(logits)
        by_row, by_column = competing.softmax(1), competing.softmax(0)
        rows, columns = by_row.sqrt() * noise[0], by_column.sqrt() * noise[1]
        rows = rows - by_row * rows.sum(2, keepdim=True)
        columns = columns - by_column * columns.sum(1, keepdim=True)
        return 0.5**0.5 * (rows + columns)

    def removal_terms(self, logits: Tensor, negative_term: str = "exact") -> RoleTerms:
        """Positive and negative part of L(B) − L(B without n) for every n, `[pairs]`, nats.

        Args:
            logits: `[texts, images]`.
            negative_term: "exact", or "first-order" for the paper's ½ Σ (P + Q).
        """
        share = _row_share if negative_term == "exact" else _row_share_first_order
        competing = self.denominators(logits)
        return RoleTerms(self.pair_losses(logits), 0.5 * (share(competing) + share(competing.T)))

    def removal_derivatives(self, logits: Tensor, tangents: Tensor, negative_term: str = "exact") -> RoleTerms:
        """Derivative of `removal_terms` along `tangents`; `[queries, pairs]`.

        Args:
            logits: `[texts, images]`.
            tangents: dS for each direction, `[queries, texts, images]`.
            negative_term: "exact" or "first-order".
        """
        competing = self.denominators(logits)
        matched = tangents.diagonal(dim1=1, dim2=2)
        row_mean = _means(competing.softmax(1), tangents, 1).squeeze(2)
        column_mean = _means(competing.softmax(0), tangents, 0).squeeze(1)
        of_rows, of_columns = self._shares(competing, tangents, negative_term)
        return RoleTerms(0.5 * (row_mean + column_mean) - matched, 0.5 * (of_rows.sum(1) + of_columns.sum(2)))

    def disturbance_derivatives(self, logits: Tensor, tangents: Tensor, negative_term: str = "exact") -> Tensor:
        """Derivative of l_k(B) − l_k(B without n): what n adds to the loss of k by being its negative.

        Row k loses image n, column k loses text n. The sum over k is the negative part of `removal_derivatives`.

        Args:
            logits: `[texts, images]`.
            tangents: dS for each direction, `[queries, texts, images]`.
            negative_term: "exact" or "first-order".

        Returns:
            `[queries, negatives n, anchors k]`, nats per unit of direction; 0 for n = k.
        """
        of_rows, of_columns = self._shares(self.denominators(logits), tangents, negative_term)
        return 0.5 * (of_rows.transpose(1, 2) + of_columns)

    def row_derivatives(self, logits: Tensor, tangents: Tensor, pair: int, rows: Tensor, moved: Tensor) -> Tensor:
        """Derivative of the batch loss with another text in row `pair`, less what no text there changes.

        With c_k = log Σ_{i≠n} e^{S_ik}: of ½ [log Σ_j e^{a_j} + Σ_k log(e^{c_k} + e^{a_k})] − a_n, a the row.

        Args:
            logits: `[texts, images]`.
            tangents: dS along one direction, `[texts, images]`.
            pair: n, the row.
            rows: a, logits of other texts in it, `[other texts, images]`.
            moved: da, their derivatives, `[other texts, images]`.

        Returns:
            `[other texts]`, nats per unit of direction.
        """
        competing = self.denominators(logits)
        others = competing.index_fill(0, torch.tensor(pair, device=logits.device), float("-inf"))
        of_others = (others.softmax(0).nan_to_num() * tangents).sum(0)
        rivals = rows.masked_fill(competing[pair].isinf(), float("-inf"))
        share = (rivals - others.logsumexp(0)).sigmoid()
        by_column = share * moved + (1.0 - share) * of_others
        return 0.5 * (rivals.softmax(1) * moved + by_column).sum(1) - moved[:, pair]

    def _shares(self, competing: Tensor, tangents: Tensor, negative_term: str) -> tuple[Tensor, Tensor]:
        """What image n does to the denominator of row k, at [k, n], and text n to that of column k, at [n, k]."""
        share = _share_derivative if negative_term == "exact" else _share_derivative_first_order
        return share(competing, tangents, 1), share(competing, tangents, 0)


class DclLoss(ClipLoss):
    """The decoupled contrastive loss (Yeh et al. 2022): the match is not in its own denominators.

    A batch needs three pairs: taking one out must leave every other pair a negative.
    """

    def denominators(self, logits: Tensor) -> Tensor:
        """The logits off the diagonal, `[texts, images]`; −inf on it. A lone pair has no negative and loses nothing."""
        if len(logits) == 1:
            return logits
        return logits.masked_fill(_diagonal(logits), float("-inf"))


class SiglipLoss:
    """The pairwise sigmoid loss of SigLIP (Zhai et al. 2023), in nats per pair; logits include the bias.

    open_clip's loss is the mean of `pair_losses` over the batch. A pair's loss is its match and half of every entry it
    shares with another pair; the removal term takes these entries whole.
    """

    def pair_losses(self, logits: Tensor) -> Tensor:
        """Loss of each pair, `[pairs]`, nats."""
        entries = _sigmoid_entries(logits)
        return 0.5 * (entries.sum(1) + entries.sum(0))

    def logit_gradient(self, logits: Tensor) -> Tensor:
        """Gradient of the batch loss: σ(S) − I, `[texts, images]`."""
        gradient = logits.sigmoid()
        gradient.diagonal().sub_(1.0)
        return gradient

    def curvature_product(self, logits: Tensor, tangents: Tensor) -> Tensor:
        """σ(S)(1 − σ(S))∘dS, `[queries, texts, images]`."""
        return logits.sigmoid() * (-logits).sigmoid() * tangents

    def curvature_sample(self, logits: Tensor, noise: Tensor) -> Tensor:
        """√(σ(S)(1 − σ(S)))∘e, `[queries, texts, images]`; the second half of the noise is not needed.

        Args:
            logits: `[texts, images]`.
            noise: standard normal, `[2, queries, texts, images]`.
        """
        return (logits.sigmoid() * (-logits).sigmoid()).sqrt() * noise[0]

    def removal_terms(self, logits: Tensor, negative_term: str = "exact") -> RoleTerms:
        """Positive and negative part of L(B) − L(B without n) for every n, `[pairs]`, nats.

        Args:
            logits: `[texts, images]`.
            negative_term: "exact"; there is nothing to approximate.
        """
        entries = _sigmoid_entries(logits)
        matched = entries.diagonal()
        return RoleTerms(matched, entries.sum(1) + entries.sum(0) - 2 * matched)

    def removal_derivatives(self, logits: Tensor, tangents: Tensor, negative_term: str = "exact") -> RoleTerms:
        """Derivative of `removal_terms` along `tangents`; `[queries, pairs]`.

        Args:
            logits: `[texts, images]`.
            tangents: dS for each direction, `[queries, texts, images]`.
            negative_term: "exact".
        """
        moved = self.logit_gradient(logits) * tangents
        matched = moved.diagonal(dim1=1, dim2=2)
        return RoleTerms(matched, moved.sum(2) + moved.sum(1) - 2 * matched)

    def disturbance_derivatives(self, logits: Tensor, tangents: Tensor, negative_term: str = "exact") -> Tensor:
        """Derivative of the two entries that n and k share, l_nk + l_kn; the sum over k is n's negative part.

        Args:
            logits: `[texts, images]`.
            tangents: dS for each direction, `[queries, texts, images]`.
            negative_term: "exact".

        Returns:
            `[queries, negatives n, anchors k]`, nats per unit of direction; symmetric, 0 for n = k.
        """
        moved = _off_diagonal(logits.sigmoid()) * tangents
        return moved + moved.transpose(1, 2)

    def row_derivatives(self, logits: Tensor, tangents: Tensor, pair: int, rows: Tensor, moved: Tensor) -> Tensor:
        """That of the row's own entries, `[other texts]`; arguments as for `ClipLoss`."""
        return (rows.sigmoid() * moved).sum(1) - moved[:, pair]


LOSSES: dict[str, ContrastiveLoss] = {"clip": ClipLoss(), "siglip": SiglipLoss(), "dcl": DclLoss()}


def _others(logits: Tensor, axis: int = 1) -> tuple[Tensor, Tensor]:
    """The largest entry of each row (axis 1) or column, and the logits without it (−inf in its place)."""
    top = logits.argmax(axis, keepdim=True)
    return top, logits.scatter(axis, top, float("-inf"))


def _row_share(logits: Tensor) -> Tensor:
    """Σ_{k≠n} −log(1 − P_kn) for every column n, `[images]`."""
    top, others = _others(logits)
    share = -torch.log1p(-logits.softmax(1).clamp(max=0.5))
    of_top = torch.logsumexp(logits, 1, keepdim=True) - torch.logsumexp(others, 1, keepdim=True)
    return _off_diagonal(share.scatter(1, top, of_top)).sum(0)


def _row_share_first_order(logits: Tensor) -> Tensor:
    """Σ_{k≠n} P_kn for every column n, `[images]`."""
    return _off_diagonal(logits.softmax(1)).sum(0)


def _share_derivative(logits: Tensor, tangents: Tensor, axis: int) -> Tensor:
    """P_kn/(1 − P_kn) (dS_kn − mean_k) where rows (axis 1) or columns (axis 0) sum to one; `[queries, texts, images]`.

    For the largest entry of a row the leave-one-out form P_kn (dS_kn − mean over the others) is used. Diagonal: 0.
    """
    probability = logits.softmax(axis)
    top, others = _others(logits, axis)
    odds = _off_diagonal(probability / (1.0 - probability.clamp(max=0.5)))
    share = (tangents - _means(probability, tangents, axis)).mul_(odds)
    index = top.expand(tangents.shape[0], -1, -1)
    of_top = tangents.gather(axis + 1, index) - _means(others.softmax(axis).nan_to_num(), tangents, axis)
    return share.scatter_(axis + 1, index, _off_diagonal(probability).gather(axis, top) * of_top)


def _share_derivative_first_order(logits: Tensor, tangents: Tensor, axis: int) -> Tensor:
    """P_kn (dS_kn − mean_k), axes as above; `[queries, texts, images]`."""
    probability = logits.softmax(axis)
    return (tangents - _means(probability, tangents, axis)).mul_(_off_diagonal(probability))


def _means(weights: Tensor, tangents: Tensor, axis: int) -> Tensor:
    """Weighted means of each row (axis 1), `[queries, texts, 1]`, or column (axis 0), `[queries, 1, images]`."""
    return (weights * tangents).sum(axis + 1, keepdim=True)


def _off_diagonal(square: Tensor) -> Tensor:
    """Zeros on the diagonal, `[..., pairs, pairs]`."""
    return square.masked_fill(_diagonal(square), 0.0)


def _diagonal(square: Tensor) -> Tensor:
    """A mask of the diagonal."""
    return torch.eye(square.shape[-1], dtype=torch.bool, device=square.device)


def _sigmoid_entries(logits: Tensor) -> Tensor:
    """l_ij = softplus(−z_ij S_ij), `[texts, images]`."""
    return torch.nn.functional.softplus(torch.where(_diagonal(logits), -logits, logits))
