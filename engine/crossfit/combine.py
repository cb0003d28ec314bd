"""Several seeds of cross-fitting, averaged into one table per pair."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from engine.crossfit.detect import CrossFitOptions, CrossFitted, cross_fit, obstacle
from engine.crossfit.inputs import PairInputs
from engine.crossfit.unseen_influence import SIGNS as INFLUENCE_SIGNS
from engine.errors import PairsError
from engine.signals import BESIDES, EVIDENCE
from engine.signals.ranking import ranked

SIGNS = {signal.name: signal.sign for signal in (*EVIDENCE, *BESIDES)} | INFLUENCE_SIGNS
"""every signal of the table and the sign that makes higher mean more suspect"""
DEFAULT_SEEDS = 2


def averaged(found: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The mean over seeds, with suspicion and its rank.

    Args:
        found: tables of `seed_table`, rows as the pairs.

    Returns:
        The signals in their own units, p_wrong (0 … 1), suspicion (0 … 1, share of the pairs that are no more suspect)
        and suspicion_rank (1 = most suspect).
    """
    tables = list(found)
    table = sum(tables[1:], start=tables[0]) / len(tables)
    score = table.pop("log_odds").to_numpy()
    rank = ranked(score)
    return table.assign(suspicion=(len(rank) + 1 - rank) / len(rank), suspicion_rank=rank)


def seed_table(found: CrossFitted) -> pd.DataFrame:
    """What one seed found: signals, contributions to the suspicion (because_…), p_wrong and log_odds."""
    because = pd.DataFrame(found.suspected.contributions, columns=[f"because_{one.name}" for one in EVIDENCE])
    return pd.concat([found.signals, because], axis=1).assign(
        p_wrong=found.suspected.p_wrong, log_odds=found.suspected.score
    )


def detect(inputs: PairInputs, seed: int, report: Callable[[int, int], None] | None = None) -> pd.DataFrame:
    """Cross-fitted signals and suspicion with the default options, averaged over `DEFAULT_SEEDS` seeds.

    Args:
        inputs: of the training pairs.
        seed: of everything random.
        report: called with (done, total) folds of each seed.

    Returns:
        See `averaged`; attrs: signs of the signals, estimated_share.

    Raises:
        PairsError: if there is an `obstacle`.
    """
    if reason := obstacle(inputs, CrossFitOptions()):
        raise PairsError("pairs that can be cross-fitted", reason.rstrip("."), "Choose --detector ridge.")
    found = [cross_fit(inputs, CrossFitOptions(), number, report) for number in seeds_of(seed, DEFAULT_SEEDS)]
    table = averaged(seed_table(one) for one in found)
    table = table.drop(columns=[name for name in table if name.startswith("because_") or name == "suspicion_rank"])
    table.attrs["signs"] = {name: sign for name, sign in SIGNS.items() if name in table}
    table.attrs["estimated_share"] = float(np.mean([one.suspected.share.value for one in found]))
    return table


def seeds_of(seed: int, number: int) -> list[int]:
    """Seeds of the single cross-fittings; those of different `seed` differ."""
    return np.random.default_rng(seed).integers(0, 2**31, number).tolist()
