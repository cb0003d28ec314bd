"""The ways that a user would pick instead, each asked for the same scores: one file each behind `Alternative`."""

from engine.benchmark.alternatives import (
    dattri_library,
    formulas,
    kronfluence_library,
    our_own,
    trak_library,
)
from engine.benchmark.alternatives.interface import Alternative

ALTERNATIVES: tuple[Alternative, ...] = (
    our_own.Scores("identity"),
    our_own.Scores("identity", "encoders"),
    our_own.Scores("gauss-newton"),
    formulas.GradientPerPair(shared=True),
    formulas.GradientPerPair(shared=False),
    formulas.DataInfPerPair(),
    kronfluence_library.Hooks("identity"),
    kronfluence_library.Hooks("ekfac"),
    dattri_library.AloneInVmap(),
    dattri_library.WithItsBatch(),
    trak_library.ClipTask(),
)

__all__ = ["ALTERNATIVES", "Alternative"]
