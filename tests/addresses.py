"""An address for each page of the dashboard, with something on it."""

from engine.runs import RunFolder


def addresses_of(run: RunFolder) -> dict[str, str]:
    """An address of each page with something on it."""
    traces, scores = run.table("traces"), run.table("scores")
    query, pair = traces["query_id"].iloc[0], scores.nsmallest(1, "suspicion_rank")["pair_id"].iloc[0]
    return {
        "overview": "",
        "suspicious": "suspicious",
        "look next": "suspicious?look=Look+at+next",
        "predictions": "predictions",
        "trace-back": f"trace-back?query={query}",
        "ask": "ask",
        "what-if": f"what-if?of=culprits&query={query}&n=5",
        "pair": f"pair?pair={pair}",
        "review queue": "review",
        "map": "map",
        "decisions": "decisions",
        "runs": "runs",
        "compare": "compare",
    }
