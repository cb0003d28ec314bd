"""Test predictions as cards: the picture with its right answer, and what the model says or picks instead."""

from dashboard.components.prediction_cards.component import prediction_list

__all__ = ["prediction_list"]
