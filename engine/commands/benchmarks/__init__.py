"""The kinds of `ecif benchmark`: NAME, HELP, add_options(parser), main(options). No torch until one runs."""

from types import ModuleType

from engine.commands.benchmarks import alternatives, gpu, growth, passes, scale, sizing, trace

BENCHMARKS: tuple[ModuleType, ...] = (passes, growth, scale, trace, gpu, sizing, alternatives)
"""in the order of `ecif benchmark --help`"""

__all__ = ["BENCHMARKS", "passes"]
