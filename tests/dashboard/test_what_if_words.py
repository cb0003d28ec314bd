"""What an outcome says, in words: no more than the counts allow."""

import pytest

from dashboard.what_if_words import accuracy_in_words, change_in_words, interval_in_words, verdict_in_words

ACCURACY = {"before": 0.80, "after": 0.83, "change": 0.03, "low": 0.01, "high": 0.05, "counted": 300, "mended": 12,
            "broken": 3}  # fmt: skip
LOSS = {"before": 0.2, "after": 0.15, "change": -0.05, "low": -0.08, "high": -0.02, "counted": 3}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"zero_shot_accuracy": ACCURACY, "validation_loss": LOSS}, "Better"),
        ({"zero_shot_accuracy": {**ACCURACY, "low": -0.01}}, "within chance"),
        ({"zero_shot_accuracy": {**ACCURACY, "change": -0.03, "low": -0.05, "high": -0.01}}, "Worse"),
        ({"validation_loss": LOSS}, "Better"),
        ({"validation_loss": {**LOSS, "low": None, "high": None}}, "within chance"),
    ],
)
def test_a_change_is_called_one_only_if_its_interval_leaves_out_zero(changes: dict, words: str) -> None:
    assert words in verdict_in_words(changes)


def test_changes_have_units_and_say_what_they_were_counted_on() -> None:
    assert change_in_words("zero_shot_accuracy", 0.031) == "+3.1 points"
    assert change_in_words("validation_loss", -0.05) == "-0.05 nats"
    assert interval_in_words("zero_shot_accuracy", ACCURACY).endswith(
        "+1.0 to +5.0 points; 12 mended and 3 broken of 300"
    )
    assert interval_in_words("validation_loss", LOSS).endswith("-0.08 to -0.02 nats, from 3 batches")
    assert "no interval" in interval_in_words("validation_loss", {**LOSS, "low": None})
    assert "80.0% → 83.0%" in accuracy_in_words({"changes": {"zero_shot_accuracy": ACCURACY}})
