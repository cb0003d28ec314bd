"""What drove a pair's suspicion, in words."""

import numpy as np
import pandas as pd

from engine.signals import EVIDENCE
from engine.signals.reasons import LOWERS_LOSS, WORDS, reasons


def test_every_piece_of_evidence_has_words_and_none_has_markup() -> None:
    assert set(WORDS) == {signal.name for signal in EVIDENCE}
    for words in [*WORDS.values(), LOWERS_LOSS]:
        assert words and not set(words) & set("<>&*_`[]#$\n") and words[0].islower() and words[-1] != "."


def test_the_strongest_reasons_come_first_and_none_twice() -> None:
    found = reasons(
        pd.DataFrame(
            {
                "similarity": [1.0, -1.0, 0.1, 3.0],
                "caption_loss": [2.0, -1.0, 0.0, 1.0],
                "caption_association_loss": [1.5, 0.0, 0.0, 0.5],
                "margin": [0.5, -2.0, 0.0, 2.0],
            }
        ),
        np.array([-1.0, -1.0, 1.0, np.nan]),
    )
    assert found == [
        "Other captions fit this picture better; picture and caption lie far apart; "
        "without it the validation loss would be lower.",
        "",
        "Picture and caption lie far apart.",
        "Picture and caption lie far apart; some other caption or picture fits better.",
    ]


def test_without_influence_nothing_is_said_of_the_loss() -> None:
    assert reasons(pd.DataFrame({"margin": [1.0]})) == ["Some other caption or picture fits better."]
