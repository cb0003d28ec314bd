"""Which groups of training pairs are taken out: random ones, and ones rich in suspicious pairs. No torch."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.fidelity.options import FidelityOptions

RANDOM, FLAGGED = "random", "flagged"


def draw_groups(members: np.ndarray, suspicion: np.ndarray, options: FidelityOptions) -> pd.DataFrame:
    """The groups of an experiment, all of one size.

    Args:
        members: positions of the pairs that are trained with, `[pairs]`.
        suspicion: of each of them, `[pairs]`, higher is more suspect.
        options: number of groups, share and seed.

    Returns:
        One row per group and member: group, kind, suspicious_share (of a flagged group: how much of it comes from the
        most suspicious pairs, as many as it has members), position.
    """
    size = max(1, round(options.share * len(members)))
    shares = [None] * options.groups + list(np.linspace(0, 1, options.flagged + 1)[1:])
    by_suspicion = members[np.argsort(-suspicion, kind="stable")]
    suspects, others = by_suspicion[:size], by_suspicion[size:]
    parts = []
    for number, share in enumerate(shares):
        generator = np.random.default_rng([options.seed, number])
        if share is None:
            chosen = generator.choice(members, size, replace=False)
        else:
            from_suspects = round(share * size)
            chosen = np.concatenate(
                [
                    generator.choice(suspects, from_suspects, replace=False),
                    generator.choice(others, size - from_suspects, replace=False),
                ]
            )
        kind = RANDOM if share is None else FLAGGED
        parts.append(
            pd.DataFrame(
                {"group": number, "kind": kind, "suspicious_share": share or np.nan, "position": np.sort(chosen)}
            )
        )
    return pd.concat(parts, ignore_index=True)
