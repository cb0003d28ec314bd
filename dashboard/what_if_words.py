"""What an outcome of `ecif whatif` says, in words for a page. No Streamlit here."""

from __future__ import annotations

from typing import Any

METRICS = {
    "zero_shot_accuracy": "Test pictures named right",
    "retrieval_recall_at_1": "Captions found by picture",
    "validation_loss": "Validation loss",
}
INTERVAL_IN_WORDS = (
    "The 90 % interval says where a change would lie on other test pairs like these, judged by how many answers are "
    "mended and how many broken (of the loss, by how the validation batches differ); if it holds 0, the change may be "
    "chance."
)


def value_in_words(name: str, value: float) -> str:
    """A metric's value."""
    return f"{value:.3f}" if name == "validation_loss" else f"{value:.1%}"


def change_in_words(name: str, change: float) -> str:
    """A metric's change, with its sign and unit."""
    return f"{change:+.2g} nats" if name == "validation_loss" else f"{100 * change:+.1f} points"


def interval_in_words(name: str, one: dict[str, Any]) -> str:
    """Where the change of a metric lies, and what it was counted on.

    Args:
        name: a key of `METRICS`.
        one: low, high, counted, and for accuracies mended and broken; see `engine.what_if.changes.changes`.
    """
    if one["low"] is None:
        return "one batch: no interval"
    if name == "validation_loss":
        return f"90 %: {one['low']:+.2g} to {one['high']:+.2g} nats, from {one['counted']} batches"
    return (
        f"90 %: {100 * one['low']:+.1f} to {100 * one['high']:+.1f} points; {one['mended']} mended and "
        f"{one['broken']} broken of {one['counted']}"
    )


def may_be_chance(one: dict[str, Any]) -> bool:
    """Whether the interval of a change holds 0, or there is none."""
    return one["low"] is None or one["low"] <= 0 <= one["high"]


def verdict_in_words(changes: dict[str, dict[str, Any]]) -> str:
    """Whether the first metric there is got better, got worse, or may not have changed at all."""
    name = next(one for one in METRICS if one in changes)
    if may_be_chance(changes[name]):
        return "The change is **within chance**: on other test pairs it might as well be none."
    is_better = (changes[name]["change"] > 0) != (name == "validation_loss")
    return "Better, and **more than chance**." if is_better else "Worse, and **more than chance**."


def accuracy_in_words(outcome: dict[str, Any]) -> str:
    """The change of the accuracy (of retrieval where there are no classes) in half a sentence."""
    name = next(one for one in METRICS if one in outcome["changes"])
    one = outcome["changes"][name]
    return (
        f"{METRICS[name].lower()} {value_in_words(name, one['before'])} → {value_in_words(name, one['after'])} "
        f"({interval_in_words(name, one)})."
    )
