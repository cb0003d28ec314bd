"""How much a run of very many pairs computes beforehand."""

from dataclasses import replace

from engine.config import RunConfig
from engine.scoring import LEAST_TRACED, most_traced


def test_fewer_predictions_are_traced_beforehand_where_pairs_are_many_and_never_more_than_asked_for() -> None:
    config = RunConfig("", "", trace_queries=300)
    assert [most_traced(config, size) for size in (100, 10_000, 100_000)] == [300, 300, 50]
    assert most_traced(config, 10**8) == LEAST_TRACED
    assert most_traced(replace(config, trace_queries=3), 10**8) == 3
    assert most_traced(replace(config, trace_queries=0), 100) == 0
