"""Where passes over data run: in this process, or on a Ray cluster. How to run a cluster: README.md beside this file.

Maths asks `passes_over(feature_map)` and gives it a `Work`; it never knows how many processes there are.
"""

from engine.executors.interface import Executor, Passes, Subject, Work
from engine.executors.local import LocalPasses
from engine.executors.placed import PlacedFeatureMap, opened_here, passes_over

__all__ = [
    "Executor",
    "Passes",
    "Subject",
    "Work",
    "LocalPasses",
    "PlacedFeatureMap",
    "opened_here",
    "passes_over",
]
