"""Learning from decisions: ranking, proposals, what is left, blind checks. No torch.

`advise` answers a page in one call; `simulate_decisions` measures it against ground truth.
"""

from engine.learning.advice import Advice, advise
from engine.learning.blind_check import BlindResult, blind_items, blind_result, card_of, new_secret
from engine.learning.proposals import Shares
from engine.learning.simulation import simulate_decisions
from engine.learning.table import Pairs, in_order_of_first_decision, pairs_of

__all__ = [
    "Advice",
    "Pairs",
    "Shares",
    "advise",
    "in_order_of_first_decision",
    "pairs_of",
    "BlindResult",
    "blind_items",
    "blind_result",
    "card_of",
    "new_secret",
    "simulate_decisions",
]
