"""The gallery: a grid of pairs that is looked through and decided by keyboard or mouse."""

from dashboard.components.gallery.component import Action, Turns, gallery, read_log, selected_pairs

__all__ = ["Action", "Turns", "gallery", "read_log", "selected_pairs"]
