"""What a job takes, from measured throughput: hours, disk and memory by pairs, model and tier.

One query (the validation loss) over n pairs takes a plain embedding pass, the gradient of the query, a solve of I
curvature products over the pairs that the curvature is built on, and one directional pass:

    hours = [ n / embed + v / gradient + I · min(n, c) / product + n / scores ] / 3600

with rates in pairs per second as measured on one device. Queries that come later and are asked together share the
embedding pass and cost I · min(n, c) / product + n / scores each. Reading and decoding are not in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from engine.benchmark.work import GRADIENT, PLAIN, PRODUCT, scores_for
from engine.errors import ConfigError

PAIRS = (1_000_000, 100_000_000, 400_000_000, 5_000_000_000)
TOGETHER = 8
"""queries of a further question"""
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Assumed:
    """What is not measured but chosen; `ecif benchmark sizing` takes each as an option."""

    products: int = 10
    """I, curvature products of a solve: what the sample's run needs at the default damping"""
    curvature_pairs: int = 8_192
    """c, `--curvature-pairs` of the run: its default above 20,000 pairs"""
    validation_pairs: int = 50_000
    """v, pairs of the query"""
    table_bytes: int = 660
    """all tables of a run per pair, compressed: measured on the sample's run"""
    thumbnail_bytes: int = 1740
    """a thumbnail: measured on the sample's drawn pictures; photographs take several times as much"""


@dataclass(frozen=True)
class Size:
    """One line of the table."""

    model: str
    tier: str
    num_pairs: int
    hours: float
    """of one device, for one query"""
    further_hours: float
    """of one device, for each further query of `TOGETHER`"""
    feature_bytes: int
    table_bytes: int
    thumbnail_bytes: int
    memory_bytes: int
    """most in use on the device in any pass of the tier; does not grow with the pairs"""


def sizes(measured: dict[str, Any], assumed: Assumed, numbers: Iterable[int] = PAIRS) -> list[Size]:
    """Every model and tier that was measured, for every number of pairs.

    Args:
        measured: what `ecif benchmark gpu --out FILE` wrote.
        assumed: the rest.
        numbers: of pairs.

    Raises:
        ConfigError: if it is another file.
    """
    try:
        return [
            _size(model, tier, number, assumed)
            for model in measured["models"]
            for tier in dict.fromkeys(one["tier"] for one in model["passes"] if one["tier"])
            if _rates(model, tier) is not None
            for number in numbers
        ]
    except (KeyError, TypeError) as error:
        raise ConfigError(
            "figures of `ecif benchmark gpu --out FILE`", f"a file without {error}", "Give the file that it wrote."
        ) from error


def _size(model: dict[str, Any], tier: str, number: int, assumed: Assumed) -> Size:
    rates = _rates(model, tier)
    dims = model["image_dim"] + model["text_dim"] if tier == "heads" else 2 * model["embed_dim"]
    solve = assumed.products * min(number, assumed.curvature_pairs) / rates[PRODUCT]
    once = number / rates[PLAIN] + assumed.validation_pairs / rates[GRADIENT]
    return Size(
        model["model"],
        tier,
        number,
        (once + solve + number / rates[scores_for(1)]) / 3600,
        (solve + number / rates[scores_for(TOGETHER)]) / 3600,
        number * dims * FLOAT_BYTES,
        number * assumed.table_bytes,
        number * assumed.thumbnail_bytes,
        max(one["memory_bytes"] for one in model["passes"] if one["tier"] in ("", tier)),
    )


def _rates(model: dict[str, Any], tier: str) -> dict[str, float] | None:
    """Pairs per second by pass; None if one of them did not fit into memory."""
    found = {one["what"]: one["pairs_per_second"] for one in model["passes"] if one["tier"] in ("", tier)}
    return None if None in found.values() else found


WORDS = """\
The work of every pass is a sum or a map over pairs, so it divides by the number of devices: `--executor ray`.

At 400 million pairs tables and features no longer fit one disk or one reader: keep them in shards and let each worker
write its own; store features in half precision (half of the column above); make thumbnails only of the pairs that are
looked at (the most suspicious few million) and read other pictures where they lie. Neighbours and duplicates need an
index per shard and a merge of their lists. One ranking of all pairs is a sort of 12 bytes a pair and fits in memory.

At 5 billion pairs, besides: score first with heads on features that exist already (a pass over features, not over
pictures), and send only what stands out through an encoder tier. Batches as large as in pretraining (32,768) make the
logits of a batch 4 GB, which must then go by blocks of rows. Decide on groups (a host, a caption template, a cluster)
instead of pairs, since nobody looks at more than a few thousand."""
