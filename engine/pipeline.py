"""The main job: pairs → batches → features → queries → scores → traces → map, each step finished by a rename.

A run that was killed at any moment is continued by the same call; a finished one is returned as it is.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from rich.console import Console

from engine.batches import BatchSegmentation, read_segmentations, seeded_segmentations, segmentations_table
from engine.config import LEAST_PAIRS, RunConfig, absolute_path
from engine.errors import BatchesError, ConfigError, PairsError
from engine.locks import locked_folder
from engine.made_here import remember
from engine.memory import memory_errors, watched_memory
from engine.models import model_hash, split_spec
from engine.pairs import ReadOptions, caption_oddities, load_data_set
from engine.pairs.pair_set import write_pairs
from engine.pairs.seen import remove_unfinished
from engine.pairs.sources import data_hashes, sources, title_of
from engine.placement import executor_of
from engine.progress import RunProgress
from engine.run_record import add_cost, add_notes, add_start, first_record, now
from engine.runs import (
    RunFolder,
    finished_as,
    is_wrong,
    storage_errors,
    write_json,
    write_table,
)

if TYPE_CHECKING:
    from engine.executors import Executor

Report = Callable[[int, int], None]
DATA_FIELDS = ("pairs", "validation", "test")
TABLE_FIELDS = (*DATA_FIELDS, "classes", "batches")
SOLVES = "solves.part"
"""the folder of long solves while the steps go on that need them"""
PATH_FIELDS = (*TABLE_FIELDS, "images", "adapter", "cross_fit")


def run(config: RunConfig, console: Console | None = None) -> RunFolder:
    """Do or continue the run that `config` describes.

    Args:
        config: what to run.
        console: terminal for progress bars; None draws none.

    Returns:
        The finished run folder.

    Raises:
        EcifError: whatever a user can mend, as one sentence.
    """
    split_spec(config.model)
    hashes = {"pairs": _hash_tables(config), "model": model_hash(config.model, config.adapter)}
    config = _with_absolute_paths(config)
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", config.name or title_of(config.pairs)).strip("-") or "run"
    path = Path(config.out) / f"{name}-{config.digest(hashes['pairs'], hashes['model'])}"
    with locked_folder(path, "a run that nobody else is computing"), executor_of(config) as executor:
        return _run_locked(RunFolder(path), config, hashes, console, executor)


def _run_locked(
    folder: RunFolder, config: RunConfig, hashes: dict[str, str], console: Console | None, executor: Executor | None
) -> RunFolder:
    if folder.has("config.json"):
        folder = RunFolder.open(folder.path)
    if folder.is_finished:
        return folder
    if not folder.has("features"):
        _check_model(config)
    if not folder.has("record.json"):
        write_json(folder.path / "record.json", first_record(folder.run_id, hashes))
    if not folder.has("config.json"):
        with finished_as(folder.path / "config.json") as part:
            part.write_text(config.to_json(), encoding="utf-8")
    steps: list[tuple[str, str, Callable[[RunFolder, Report], None]]] = [
        ("pairs.parquet", "Reading pairs", _read_pairs),
        ("batches.parquet", "Cutting batches", _cut_batches),
        ("features", "Embedding images and captions", partial(_embed, executor)),
        ("queries.parquet", "Predicting the test pairs", partial(_predict, executor)),
        ("signals.parquet", "Looking for wrong pairs", _detect),
        ("scores.parquet", "Scoring every pair", partial(_score, executor)),
        ("ranked.parquet", "Ranking the pairs", _rank),
        ("traces.parquet", "Tracing wrong predictions", partial(_trace, executor)),
        ("neighbours.parquet", "Looking for similar pairs", _find_neighbours),
        ("map.parquet", "Drawing the map", _draw_map),
    ]
    titles = {file_name.removesuffix(".parquet"): title for file_name, title, _ in steps}
    add_start(folder, {name: file_name for name, (file_name, _, _) in zip(titles, steps, strict=True)})
    with storage_errors(folder.path):
        (folder.path / "progress.json").unlink(missing_ok=True)
    shown = RunProgress(folder.path / "progress.json", len(steps), console, titles)
    with shown.running() as progress, watched_memory(progress.say) as halvings:
        for index, (file_name, title, do) in enumerate(steps):
            if folder.has(file_name):
                continue
            started = time.monotonic()
            with progress.step(index, title, 1) as report, memory_errors():
                do(folder, report)
            add_notes(folder, halvings)
            add_cost(folder, file_name.removesuffix(".parquet"), time.monotonic() - started)
        shutil.rmtree(folder.path / SOLVES, ignore_errors=True)
        folder.update_record(finished_at=now())
    return folder


def _check_model(config: RunConfig) -> None:
    """Refuse an adapter or a tier that does not fit the model, before any image is read."""
    if config.adapter or config.tier != "heads":
        from engine.embedding import load_for

        load_for(config)


def _read_pairs(folder: RunFolder, report: Report) -> None:
    config = folder.config
    found = load_data_set(
        config.pairs,
        config.validation,
        config.test,
        config.seed,
        ReadOptions.of(config),
        thumbnails=folder.path / "thumbnails",
        progress=report,
    )
    counts = {split: int((found.pairs["split"] == split).sum()) for split in ("train", "validation", "test")}
    if not counts["train"] or not counts["validation"]:
        raise PairsError(
            "readable training and validation pairs",
            f"{counts['train']} training and {counts['validation']} validation pairs, "
            f"{len(found.rejects)} rejected rows",
            "Run `ecif check` on the table to see why rows were rejected.",
        )
    write_table(folder.path / "rejects.parquet", found.rejects)
    folder.update_record(counts={**counts, "rejects": len(found.rejects)})
    add_notes(folder, found.notes)
    odd = caption_oddities(found.pairs["caption"], found.pairs["content_hash"].cat.codes)
    with finished_as(folder.path / "pairs.parquet") as part:
        write_pairs(part, found.pairs, odd)
        remember(part)  # before the table gets its name: a run killed in between would never be known


def _cut_batches(folder: RunFolder, report: Report) -> None:
    remove_unfinished(folder.path / "thumbnails")
    config, pairs = folder.config, folder.table("pairs")
    train = pairs[pairs["split"] == "train"]
    if config.batches:
        (segmentations, unknown), unavoidable = read_segmentations(config.batches, train["pair_id"]), None
        if unknown:
            add_notes(folder, [f"{unknown} rows of the given segmentation name no training pair: those were left out."])
    else:
        conflicts = np.stack([pd.factorize(train["content_hash"])[0], pd.factorize(train["caption"])[0]], axis=1)
        segmentations, unavoidable = seeded_segmentations(
            conflicts, config.batch_size, config.segmentations, config.seed
        )
    _check_sizes(config, pairs, segmentations)
    left_out = _left_out(segmentations)
    if left_out:
        add_notes(
            folder,
            [f"{left_out} training pairs are in no batch of the given segmentation: they have no influence scores."],
        )
    if len(segmentations) > 1:
        add_notes(folder, ["The curvature is built on the first segmentation and shared by all."])
    folder.update_record(
        batches={"segmentations": len(segmentations), "left_out": left_out, "unavoidable_conflicts": unavoidable}
    )
    write_table(folder.path / "batches.parquet", segmentations_table(segmentations, train["pair_id"]))


def _check_sizes(config: RunConfig, pairs: pd.DataFrame, segmentations: list[BatchSegmentation]) -> None:
    """Refuse batches that are too small for the loss, the short last batch of a held-out split included."""
    least = LEAST_PAIRS[config.loss]
    sizes = {"training": min(len(batch) for one in segmentations for batch in one.batches)}
    for split in ("validation", "test"):
        count = int((pairs["split"] == split).sum())
        sizes[split] = count % config.batch_size or min(count, config.batch_size) or least
    for split, size in sizes.items():
        if size < least:
            raise BatchesError(
                f"at least {least} pairs in every batch for --loss {config.loss}",
                f"a batch of {size} {split} pairs",
                "Choose another --batch-size.",
            )


def _left_out(segmentations: list[BatchSegmentation]) -> int:
    return len(set.intersection(*(set(one.left_out.tolist()) for one in segmentations)))


def _embed(executor: Executor | None, folder: RunFolder, report: Report) -> None:
    from engine.embedding import write_features
    from engine.executors.subjects import EncoderOf
    from engine.study import device_of

    config = folder.config

    def embed(part: Path) -> None:
        subject = EncoderOf(folder.path.resolve(), part.resolve())
        passes = None if executor is None else partial(executor.passes, subject)
        found = write_features(part, config, folder.table("pairs"), report, passes)
        # before the folder gets its name: a run killed in between would never say it
        folder.update_record(
            device=str(device_of(config)), dtype=config.dtype, cost={"embedding_seconds": found["embedding_seconds"]}
        )
        add_notes(folder, found["notes"])

    folder.step("features", embed, resumable=True)


def _predict(executor: Executor | None, folder: RunFolder, report: Report) -> None:
    from engine.predictions import metrics, queries_table
    from engine.study import load_study

    table = queries_table(load_study(folder, executor))
    folder.update_record(metrics=metrics(table))
    write_table(folder.path / "queries.parquet", table)


def _detect(folder: RunFolder, report: Report) -> None:
    from engine.crossfit.tables import signals_table
    from engine.signals.reasons import with_oddities

    found, pairs = signals_table(folder, report), folder.table("pairs")
    train = pairs[pairs["split"] == "train"]
    folder.update_record(detection=found.record)
    add_notes(folder, found.notes)
    reason = with_oddities(found.signals["reason"], train["oddity"], train["oddity_reason"])
    write_table(folder.path / "signals.parquet", found.signals.assign(reason=reason))


def _score(executor: Executor | None, folder: RunFolder, report: Report) -> None:
    from engine.crossfit.inputs import inputs_of_run
    from engine.curvature import curvature_segmentation
    from engine.scoring import scores_tables
    from engine.study import load_features, load_study

    study = load_study(folder, executor, folder.path / SOLVES)
    folder.update_record(damping=study.damping)  # a process that goes on need not estimate it again
    prompts = load_features(folder.path / "features", folder.config)[0].prompts
    found = scores_tables(study, folder.table("signals"), inputs_of_run(folder), prompts, report)
    used = {id(batch) for batch in curvature_segmentation(study.config, study.segmentations[0]).batches}
    batches = [index for index, batch in enumerate(study.segmentations[0].batches) if id(batch) in used]
    if len(batches) < len(study.segmentations[0].batches):
        number = sum(len(study.segmentations[0].batches[index]) for index in batches)
        add_notes(folder, [f"The curvature is built on {number:,} of {study.segmentations[0].num_pairs:,} pairs."])
    folder.update_record(
        curvature={"name": study.config.curvature, "batches": batches, **dataclasses.asdict(found.solves)},
        num_parameters=study.train.subset.num_parameters,
        derivative=study.source.record,
        health=found.health,
        cost=found.seconds,
    )
    write_table(folder.path / "disturbs.parquet", found.disturbs)
    write_table(folder.path / "suggestions.parquet", found.suggestions)
    write_table(folder.path / "scores.parquet", found.scores)
    shutil.rmtree(folder.path / SOLVES, ignore_errors=True)


def _rank(folder: RunFolder, report: Report) -> None:
    from engine.ranked_table import write_ranked

    write_ranked(folder, report)


def _trace(executor: Executor | None, folder: RunFolder, report: Report) -> None:
    from engine.scoring import most_traced, traces_table
    from engine.study import load_study

    queries = folder.table("queries")
    wrong = queries[is_wrong(queries)].sort_values("confidence", ascending=False, kind="stable")["query_id"].tolist()
    traced = wrong[: most_traced(folder.config, folder.record["counts"]["train"])]
    if len(traced) < len(wrong):
        add_notes(folder, [f"The surest {len(traced)} of {len(wrong)} wrong predictions are traced."])
    study = load_study(folder, executor, folder.path / SOLVES)
    table, solves = traces_table(study, folder.table("scores"), traced, report)
    if solves is not None:
        folder.update_record(trace_solves=dataclasses.asdict(solves))
    write_table(folder.path / "traces.parquet", table)


def _find_neighbours(folder: RunFolder, report: Report) -> None:
    from engine.neighbour_tables import write_neighbours

    write_neighbours(folder, report)


def _draw_map(folder: RunFolder, report: Report) -> None:
    from engine.neighbour_tables import write_map

    write_map(folder, report)


def _with_absolute_paths(config: RunConfig) -> RunConfig:
    values = {name: absolute_path(value) for name in PATH_FIELDS if (value := getattr(config, name))}
    kind, source = split_spec(config.model)
    if Path(source).is_dir():
        values["model"] = f"{kind}:{Path(source).resolve()}"
    return dataclasses.replace(config, **values)


def _check_out(out: str, spec: str) -> None:
    """Refuse runs inside a folder that is read as a whole: their small pictures would be pairs of the next run."""
    for source in sources(spec):
        if source.path.is_dir() and Path(out).resolve().is_relative_to(source.path.resolve()):
            raise ConfigError(
                "an --out folder outside of the data set",
                f"{out} inside {source.path}",
                "Choose another folder with --out: runs would become a part of the data.",
            )


def _hash_tables(config: RunConfig) -> str:
    digest = hashlib.sha256()
    for name in TABLE_FIELDS:
        path = getattr(config, name)
        if not path:
            continue
        try:
            if name in DATA_FIELDS:
                _check_out(config.out, path)
                digest.update(b"".join(data_hashes(path)))
                continue
            with Path(path).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise PairsError(
                f"a readable file for --{name}", f"{path} ({error.strerror})", "Check the path."
            ) from error
    return digest.hexdigest()
