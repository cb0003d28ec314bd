"""Equal rows of a feature matrix, so that each is looked up once: class prompts stand under thousands of pictures.

Rows count as copies when every coordinate rounds to the same multiple of `GRID`: the same caption passed through a
tower in another chunk differs in the last digits. Cost O(pairs · embed_dim) and one sort of the pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

GRID = 2**-12
ROWS_AT_ONCE = 2**14


@dataclass(frozen=True)
class Copies:
    """The rows of a matrix, gathered into groups of copies."""

    order: Tensor
    """positions of all pairs, group by group, `[pairs]`"""
    starts: Tensor
    """where in `order` each group begins, `[groups]`"""
    sizes: Tensor
    """pairs in each group, `[groups]`"""

    @property
    def representatives(self) -> Tensor:
        """The first pair of each group, `[groups]`."""
        return self.order[self.starts]

    def members(self, groups: Tensor, count: int, shift: Tensor) -> tuple[Tensor, Tensor]:
        """The first `count` pairs of each row's groups.

        Args:
            groups: `[rows, groups of the row]`, distinct in a row.
            count: how many pairs.
            shift: at which member of a group a row begins, modulo the group's size, `[rows]`: rows with different
                shifts see different copies, instead of all the same first ones.

        Returns:
            Positions `[rows, count]`, and which of them are missing because the row's groups have fewer pairs.
        """
        sizes = self.sizes[groups]
        up_to = sizes.cumsum(1)
        slots = torch.arange(count, device=groups.device).expand(len(groups), -1).contiguous()
        which = torch.searchsorted(up_to, slots, right=True)
        missing = which == groups.shape[1]
        which = which.masked_fill(missing, 0)
        within = slots - (up_to - sizes).gather(1, which)
        group = groups.gather(1, which)
        return self.order[self.starts[group] + (within + shift[:, None]) % self.sizes[group]], missing


def copies(features: Tensor) -> Copies:
    """The groups of equal rows of `features`, `[pairs, embed_dim]`, in the order of their first pairs."""
    # A 64-bit sum with odd factors that wraps around: two different rows share it once in 10¹⁹.
    factors = torch.randint(2**62, (features.shape[1],), generator=torch.Generator().manual_seed(0)) * 2 + 1
    factors = factors.to(features.device)
    keys = [((rows / GRID).round().long() * factors).sum(1) for rows in features.split(ROWS_AT_ONCE)]
    _, group, sizes = torch.cat(keys).unique(return_inverse=True, return_counts=True)
    order = group.argsort(stable=True)
    by_first_pair = order[sizes.cumsum(0) - sizes].argsort()
    group, sizes = by_first_pair.argsort()[group], sizes[by_first_pair]
    return Copies(group.argsort(stable=True), sizes.cumsum(0) - sizes, sizes)
