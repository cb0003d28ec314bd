"""The gallery: a grid of pairs that is looked through and decided by keyboard or mouse."""

from dashboard.components.gallery.component import Action, gallery, read_log

__all__ = ["Action", "gallery", "read_log"]
