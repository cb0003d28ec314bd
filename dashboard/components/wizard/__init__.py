"""Starting a run on own data in three steps: the data, the model, what it will take."""

from dashboard.components.wizard.steps import start_wizard

__all__ = ["start_wizard"]
