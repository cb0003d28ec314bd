"""What a run will cost, said before it is started: time step by step as a range, and room on the disk.

Embedding is timed on a handful of the data set's own pairs, or known from an earlier run of the same model. What comes
after it is known from an earlier run of the same kind, else from what is typical: per training pair where heads are
studied on stored features, in embedding passes where the encoders are run again. No torch until something is measured.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.config import RunConfig
from engine.errors import EcifError
from engine.runs import RunFolder

Range = tuple[float, float]
"""least and most, in seconds"""
NUM_WARM_UP = 2
THUMBNAIL_BYTES = 8_000
TABLE_BYTES = 1_500
"""of all tables together, per pair"""
HEADS_SECONDS: Mapping[str, Range] = {"signals": (0.003, 0.03), "scores": (0.001, 0.008), "traces": (0.001, 0.03)}
"""per training pair, on stored features"""
RANKED_SECONDS: Range = (0.000003, 0.00005)
"""per training pair"""
NEIGHBOURS_SECONDS: Range = (0.00005, 0.003)
"""per training pair, from 1,000 to 1,000,000 of them"""
DRAWN_AT_MOST, DRAWING_SECONDS, PLACING_SECONDS = 2500, (0.0008, 0.004), (0.00005, 0.0003)
"""of the map: pairs that are drawn, per pair drawn, and per training pair"""
CLOSED_FORM_PASSES: Mapping[str, Range] = {"scores": (8, 40), "traces": (5, 40)}
ITERATIVE_PASSES: Mapping[str, Range] = {"scores": (100, 1_500), "traces": (50, 1_500)}
"""embedding passes where the encoders are run again: with a curvature in closed form, and with one that is solved"""
EMBEDDING_SPREAD: Range = (0.6, 1.6)
EARLIER_SPREAD: Range = (0.6, 1.8)
"""how far a figure from few pairs, and one of an earlier run, may be off"""
READING_SPREAD: Range = (0.8, 2.0)
"""a run reads the pictures as a check does, and makes thumbnails as well"""
UNITS = ((3600, "hours"), (60, "minutes"), (1, "seconds"))
FIRST_STEPS = ("pairs", "batches", "features", "queries")
SHORT_SECONDS = 3.0
"""cutting batches and predicting the test pairs, at most"""


@dataclass(frozen=True)
class Speed:
    """How fast a model embeds on this machine."""

    load_seconds: float
    """to import the libraries and load the model"""
    pair_seconds: float
    """to embed one image and its caption"""
    feature_bytes: float
    """stored per pair"""
    how: str
    """how it was found, as the end of a sentence"""


@dataclass(frozen=True)
class Estimate:
    """What a run will take."""

    steps: Mapping[str, Range]
    """seconds by step: pairs, batches, features, queries, signals, scores, traces, neighbours, map"""
    disk_bytes: int
    how: tuple[str, ...]
    """where the figures are from, one sentence each"""

    @property
    def seconds(self) -> Range:
        """Of all steps together."""
        return sum(low for low, _ in self.steps.values()), sum(high for _, high in self.steps.values())


def measured_speed(config: RunConfig, examples: Sequence[tuple[str, str, str]]) -> Speed:
    """Load the model and embed some pairs of the data set.

    Args:
        config: model, adapter, tier, device and dtype: a combination that cannot run is refused here.
        examples: (folder or container, name of the picture in it, caption); a few are enough.

    Raises:
        ModelError: if model or adapter cannot be read.
        ConfigError: if the tier does not fit the model.
    """
    started = time.monotonic()
    from engine.embedding import load_for
    from engine.models.embeddings import GivenFeatures
    from engine.pairs import open_picture

    model = load_for(config)
    load_seconds = time.monotonic() - started
    if isinstance(model, GivenFeatures):
        return Speed(load_seconds, 0.0, 4096.0, "the features are given, nothing is embedded")
    feature_bytes = 0

    def embed(some: Sequence[tuple[str, str, str]]) -> None:
        nonlocal feature_bytes
        images = [open_picture(place, image) for place, image, _ in some]
        found = model.penultimate_images(model.prepare_images(images)).cpu()
        texts = model.penultimate_texts(model.prepare_texts([caption for _, _, caption in some])[0]).cpu()
        feature_bytes = found[0].nbytes + texts[0].nbytes

    embed(examples[:NUM_WARM_UP])
    started = time.monotonic()
    embed(examples)
    seconds = (time.monotonic() - started) / len(examples)
    return Speed(load_seconds, seconds, feature_bytes, f"measured on {len(examples)} of your own pairs")


def known_speed(runs: Iterable[RunFolder], model_hash: str, config: RunConfig) -> Speed | None:
    """The speed that a finished run of the same model had; None if there is no such run.

    Args:
        runs: the newest first.
        model_hash: `engine.models.model_hash` of model and adapter.
        config: dtype and device have to be the same.
    """
    for run, record in _finished(runs):
        number = sum(record["counts"].get(split, 0) for split in ("train", "validation", "test"))
        same = record["hashes"].get("model") == model_hash and run.config.device == config.device
        is_timed = "embedding_seconds" in record["cost"] and "features" in record["steps"]  # not if killed right then
        if not (same and number and is_timed and record.get("dtype") == config.dtype):
            continue
        seconds, step = record["cost"]["embedding_seconds"], record["steps"]["features"]["seconds"]
        stored = sum(path.stat().st_size for path in (run.path / "features").glob("*.npy"))
        return Speed(max(step - seconds, 0.0), seconds / number, stored / number, f"known from the run {run.run_id}")
    return None


def estimate(
    config: RunConfig, counts: Mapping[str, int], reading_seconds: float, speed: Speed, runs: Iterable[RunFolder] = ()
) -> Estimate:
    """Time and room that a run will take.

    Args:
        config: the run.
        counts: pairs by split; pairs of a table of their own are not known yet and not counted.
        reading_seconds: how long reading the table and its pictures took just now.
        speed: of the model.
        runs: earlier runs on this machine, the newest first.
    """
    number, train = sum(counts.values()), counts.get("train", 0)
    embedding = number * speed.pair_seconds
    steps: dict[str, Range] = {
        "pairs": _scaled(reading_seconds, READING_SPREAD),
        "batches": (0.0, SHORT_SECONDS),
        "features": (
            0.7 * speed.load_seconds + EMBEDDING_SPREAD[0] * embedding,
            1.5 * speed.load_seconds + EMBEDDING_SPREAD[1] * embedding,
        ),
        "queries": (0.0, SHORT_SECONDS),
    }
    later, source = later_steps(config, train, embedding, runs)
    how = [f"Embedding: {speed.how}, {_rate(speed)}.", f"The steps after it: {source}."]
    if config.cross_fit:
        how.append("The trainings of --cross-fit come on top: as many as there are folds.")
    disk = number * (speed.feature_bytes + THUMBNAIL_BYTES + TABLE_BYTES)
    return Estimate({**steps, **later}, math.ceil(disk), tuple(how))


def later_steps(
    config: RunConfig, num_train: int, embedding_seconds: float, runs: Iterable[RunFolder] = ()
) -> tuple[dict[str, Range], str]:
    """Seconds of the steps that come after the embedding, and where the figures are from.

    Args:
        config: the run.
        num_train: training pairs.
        embedding_seconds: of all pairs.
        runs: earlier runs, the newest first.
    """
    near = {
        "ranked": _scaled(num_train, RANKED_SECONDS),
        "neighbours": _scaled(num_train, NEIGHBOURS_SECONDS),
        "map": _map_seconds(num_train),
    }
    for run, record in _finished(runs):
        if _kind(run.config) == _kind(config) and record["counts"].get("train"):
            scale = num_train / record["counts"]["train"]
            known = {name: scale * step["seconds"] for name, step in record["steps"].items() if name not in FIRST_STEPS}
            if set(HEADS_SECONDS) <= set(known):
                found = {name: _scaled(seconds, EARLIER_SPREAD) for name, seconds in known.items()}
                return {**near, **found}, f"as in the run {run.run_id}, scaled to this number of pairs"
    fits = config.folds * config.cleaning_rounds * config.detection_seeds / 30
    signals = _scaled(num_train * fits, HEADS_SECONDS["signals"])
    if config.tier == "heads":
        others = {name: _scaled(num_train, HEADS_SECONDS[name]) for name in ("scores", "traces")}
        return {"signals": signals, **others, **near}, "what is typical of heads, there is no earlier run to go by"
    is_closed = config.curvature in ("ekfac", "datainf", "identity")
    passes = CLOSED_FORM_PASSES if is_closed else ITERATIVE_PASSES
    others = {name: _scaled(embedding_seconds, passes[name]) for name in ("scores", "traces")}
    how = "what is typical, in passes of the encoders; there is no earlier run to go by"
    return {"signals": signals, **others, **near}, how


def seconds_left(expected: Mapping[str, Range], done: Mapping[str, float], progress: Mapping[str, Any]) -> Range | None:
    """How long a run that works will still take.

    The step at work counts with what it says of itself, as soon as it says something.

    Args:
        expected: seconds by step.
        done: seconds of the steps that are finished.
        progress: of the run.

    Returns:
        A range, or None while nothing is known of the step at work, or of one that waits.
    """
    name = progress.get("step_name")
    now = max(0.0, time.time() - progress.get("step_started_at", time.time()))
    low, high = (max(0.0, one - now) for one in expected.get(name, (0.0, 0.0)))
    own = progress.get("seconds_left")
    if own is not None:
        low, high = 0.8 * own, 1.2 * own
    elif name not in expected:
        return None
    known = {name, *done}
    waiting = [one for step, one in expected.items() if step not in known]
    if any(step not in expected and step not in known for step in progress.get("steps", {})):
        return None
    return low + sum(one for one, _ in waiting), high + sum(one for _, one in waiting)


def duration(low_seconds: float, high_seconds: float) -> str:
    """A range of seconds in words: "20 to 40 seconds", "5 to 12 minutes"; one number where both ends round alike."""
    size, unit = next((one for one in UNITS if high_seconds >= 2 * one[0]), UNITS[-1])
    low, high = round(low_seconds / size), max(1, round(high_seconds / size))
    unit = unit.removesuffix("s") if high == 1 else unit
    return f"{high} {unit}" if low >= high else f"{low} to {high} {unit}" if low else f"up to {high} {unit}"


def megabytes(number: float) -> str:
    """A size in words."""
    return f"{number / 2**30:,.1f} GiB" if number >= 2**30 else f"{max(1, round(number / 2**20)):,} MiB"


def to_json(found: Estimate) -> dict[str, Any]:
    """An estimate as `from_json` reads it."""
    return dataclasses.asdict(found)


def from_json(values: Mapping[str, Any]) -> Estimate:
    """An estimate that `to_json` wrote."""
    steps = {name: (float(low), float(high)) for name, (low, high) in values["steps"].items()}
    return Estimate(steps, int(values["disk_bytes"]), tuple(values["how"]))


def _finished(runs: Iterable[RunFolder]) -> Iterable[tuple[RunFolder, dict[str, Any]]]:
    """Finished runs with their records; one that cannot be read tells nothing."""
    for run in runs:
        try:
            record = run.record
            if record.get("finished_at") and {"counts", "steps", "cost", "hashes"} <= set(record) and run.config:
                yield run, record
        except EcifError:
            continue


def _kind(config: RunConfig) -> tuple[object, ...]:
    """What decides the cost per training pair."""
    tier = config.tier if config.tier == "heads" else Path(config.model).name + config.tier
    return tier, config.curvature, config.curvature_pairs, config.folds, config.cleaning_rounds, config.detection_seeds


def _map_seconds(num_train: int) -> Range:
    least, most = (
        min(num_train, DRAWN_AT_MOST) * drawing + num_train * placing
        for drawing, placing in zip(DRAWING_SECONDS, PLACING_SECONDS, strict=True)
    )
    return least, most


def _scaled(value: float, by: Range) -> Range:
    return value * by[0], value * by[1]


def _rate(speed: Speed) -> str:
    return f"about {1 / speed.pair_seconds:,.0f} pairs a second" if speed.pair_seconds else "no time needed"
