"""What each pass costs, as a ratio to one plain embedding pass over the same pairs in the same process."""

from engine.benchmark.measure import Measured, run_benchmark
from engine.benchmark.report import print_benchmark

__all__ = ["Measured", "print_benchmark", "run_benchmark"]
