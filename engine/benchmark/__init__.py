"""What each pass costs, as a ratio to one plain embedding pass over the same pairs in the same process."""

from engine.benchmark.measure import Measured, run_benchmark
from engine.benchmark.memory import peak_memory
from engine.benchmark.report import as_json, print_benchmark
from engine.benchmark.setting import Setting, setting

__all__ = ["Measured", "Setting", "as_json", "peak_memory", "print_benchmark", "run_benchmark", "setting"]
