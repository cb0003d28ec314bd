"""How long a prediction of a run takes to be traced while somebody waits: the engine behind the Trace-back page."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console

from engine.asking import PredictionQuestion
from engine.commands.benchmarks.setting_options import add_out_option, check_at_least
from engine.errors import ConfigError
from engine.runs import RunFolder, write_json

NAME = "trace"
HELP = "seconds of a trace-back asked for now, on a finished run of the tier heads"
PARTS = ("gradient", "solve", "score")


@dataclass(frozen=True)
class Waited:
    """What was measured; seconds on the clock, medians over the predictions."""

    num_pairs: int
    """training pairs"""
    open: float
    """once, when the engine starts"""
    gradient: float
    solve: float
    score: float
    """one pass over all training pairs"""

    @property
    def trace(self) -> float:
        """Of one prediction."""
        return self.gradient + self.solve + self.score


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("run", help="run folder")
    parser.add_argument("--queries", type=int, default=5, help="predictions to trace (default %(default)s)")
    add_out_option(parser)


def main(options: argparse.Namespace) -> None:
    """Measure, print, and write a file if one was asked for."""
    check_at_least(1, queries=options.queries)
    found = measured(RunFolder.open(options.run), options.queries)
    Console().print(
        f"{found.num_pairs:,} training pairs: a prediction is traced in {found.trace:.2f} s ({found.gradient:.2f} s "
        f"gradient, {found.solve:.2f} s solve, {found.score:.2f} s pass over all pairs), once the engine is ready, "
        f"which takes {found.open:.1f} s."
    )
    if options.out:
        write_json(Path(options.out), {**vars(found), "trace": found.trace})


def measured(run: RunFolder, num_queries: int) -> Waited:
    """Trace the first test predictions of a run.

    Raises:
        ConfigError: if the run studies more than the heads, or predicts nothing.
        RunFolderError: if the run's scores are not finished or cannot be read.
    """
    queries = run.table("queries", ["query_id", "kind"])
    asked = queries.loc[queries["kind"] != "validation", "query_id"].head(num_queries)
    if asked.empty:
        raise ConfigError("a run with test predictions", str(run.path), "Choose another run.")
    from engine.asking.tracer import Tracer

    started = time.monotonic()
    tracer = Tracer.open(run)
    opened = time.monotonic() - started
    seconds = [tracer.trace(PredictionQuestion(one)).seconds for one in asked]
    return Waited(len(tracer.scores), opened, **{part: median(one[part] for one in seconds) for part in PARTS})
