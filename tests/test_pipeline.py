"""The main job from a table to finished scores: exact, resumable, and the same however it was computed."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from oracles import Problem
from small_data import small_config, small_table

from engine.config import RunConfig
from engine.errors import BatchesError, ConfigError, RunFolderError
from engine.pairs.packs import thumbnail_bytes
from engine.pipeline import run
from engine.runs import TABLES, RunFolder, is_wrong, list_runs
from engine.study import load_study

ROOT = Path(__file__).resolve().parents[1]
ROLES = {"influence", "influence_positive", "influence_negative"}
COLUMNS = {
    "pairs": {
        "pair_id",
        "pair_index",
        "image",
        "caption",
        "label",
        "split",
        "content_hash",
        "thumbnail",
        "row",
        "oddity",
        "oddity_reason",
    },
    "rejects": {"row", "image", "reason"},
    "batches": {"segmentation", "batch_index", "pair_id"},
    "queries": {"query_id", "kind", "pair_id", "true_label", "predicted_label", "correct", "confidence", "loss"},
    "scores": {"pair_id", *ROLES, "influence_std", "relative_influence", "clip_score", "pair_loss", "suspicion"},
    "ranked": {
        "place",
        "pair_id",
        "pair_index",
        "caption",
        "label",
        "thumbnail",
        "caption_folded",
        *ROLES,
        "clip_score",
    },
    "signals": {"pair_id", "p_wrong", "suspicion", "suspicion_rank", "reason"},
    "suggestions": {"pair_id", "rank", "caption", "fit", "effect", "source"},
    "disturbs": {"pair_id", "other_pair_id", "influence"},
    "traces": {"query_id", "pair_id", *ROLES, "relative_influence", "side", "rank"},
    "neighbours": {"pair_id", "kind", "other_pair_id", "similarity", "rank"},
    "map": {"pair_id", "kind", "x", "y"},
}


def test_runs_inside_a_folder_that_is_read_as_a_whole_are_refused(tmp_path: Path, monkeypatch) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "1.png").touch()
    monkeypatch.chdir(tmp_path / "set")
    with pytest.raises(ConfigError, match=r"outside of the data set, got ecif_runs inside \."):
        run(RunConfig(pairs=".", model="hf:model"))
    assert sorted(path.name for path in Path().iterdir()) == ["cat", "dog"]


def scores(folder: RunFolder) -> pd.DataFrame:
    return folder.table("scores").set_index("pair_id")


def test_a_run_writes_every_table_with_its_columns_and_a_record(tmp_path: Path) -> None:
    folder = run(small_config(tmp_path))
    for name in TABLES:
        assert set(folder.table(name).columns) >= COLUMNS[name], name
    record = folder.record
    assert folder.is_finished and record["counts"] == {"train": 24, "validation": 10, "test": 8, "rejects": 0}
    steps = {"pairs", "batches", "features", "queries", "signals", "scores", "ranked", "traces", "neighbours",
             "map"}  # fmt: skip
    assert set(record["steps"]) == steps
    assert record["cost"].keys() >= {"embedding_seconds", "scoring_seconds"}
    assert record["curvature"]["status"] == "The solve converged."
    assert all(thumbnail_bytes(folder.path / "thumbnails", name) for name in folder.table("pairs")["thumbnail"])
    assert [path.name for path in (folder.path / "thumbnails").iterdir()] == ["00000.pack"]
    found = scores(folder)
    np.testing.assert_allclose(
        found["influence"], found["influence_positive"] + found["influence_negative"], rtol=1e-4, atol=1e-9
    )
    assert sorted(found["suspicion_rank"]) == list(range(1, 25))
    assert (found["influence_std"] > 0).all()


def test_a_finished_run_is_reused_and_another_option_is_another_run(tmp_path: Path) -> None:
    config = small_config(tmp_path, segmentations=1)
    first = run(config)
    stamps = {path: path.stat().st_mtime_ns for path in first.path.rglob("*") if path.is_file()}
    assert run(config).path == first.path
    assert stamps == {path: path.stat().st_mtime_ns for path in stamps}
    assert run(dataclasses.replace(config, damping=0.2)).path != first.path


def test_the_configuration_in_the_folder_replays_the_run(tmp_path: Path) -> None:
    first = run(small_config(tmp_path))
    again = run(dataclasses.replace(RunConfig.load(first.path / "config.json"), out=str(tmp_path / "other")))
    assert again.path != first.path and again.run_id == first.run_id
    pd.testing.assert_frame_equal(scores(again), scores(first), check_exact=True)


def test_the_chunk_size_changes_no_score_and_the_batch_size_does(tmp_path: Path) -> None:
    config = small_config(tmp_path, dtype="float64", segmentations=1)
    first = scores(run(config))["influence"]
    small_chunks = run(dataclasses.replace(config, chunk_size=5, out=str(tmp_path / "chunks")))
    np.testing.assert_allclose(scores(small_chunks)["influence"], first, rtol=1e-6)
    larger = scores(run(dataclasses.replace(config, batch_size=12)))["influence"]
    assert not np.allclose(larger, first, rtol=0.05)


def given_batches(table: Path) -> Path:
    """Three batches of eight, in an order of our own."""
    pairs = pd.read_csv(table)
    ids = pairs.loc[pairs["split"] == "train", "pair_id"].to_numpy()[::-1]
    path = table.with_name("batches.csv")
    frame = pd.DataFrame({"segmentation": 0, "batch_index": np.arange(len(ids)) // 8, "pair_id": ids})
    frame.to_csv(path, index=False)
    return path


def brute_force(folder: RunFolder) -> np.ndarray:
    """Influence on the validation loss from its definition, with autograd and a dense solve in logit space."""
    study = load_study(folder)
    one = Problem(study.train, study.segmentations[0], study.source.theta)
    validation = Problem(study.feature_map("validation"), study.segmentations[0], one.theta)
    theta = one.theta.clone().requires_grad_()
    count = len(study.rows("validation"))
    batches = [list(range(start, min(start + 8, count))) for start in range(0, count, 8)]
    loss = sum(validation.batch_loss(theta, batch) for batch in batches) / count
    gradient = torch.autograd.grad(loss, theta)[0]
    pairs = one.segmentation.num_pairs
    removed = torch.stack([one.removal_gradient(pair) for pair in range(pairs)])
    if study.config.curvature == "identity":
        return (removed @ gradient / pairs).numpy()
    # (JᵀHJ/n + λ)⁻¹ g by Woodbury: H = L Lᵀ on the logits of all batches
    roots = []
    for batch in (b.tolist() for b in one.segmentation.batches):
        jacobian = torch.func.jacrev(lambda t, b=batch: one.logits(t, b).reshape(-1))(one.theta)
        logits = one.logits(one.theta, batch)

        def of_logits(flat: torch.Tensor, size: int = len(batch)) -> torch.Tensor:
            square, truth = flat.reshape(size, size), torch.arange(size)
            entropy = torch.nn.functional.cross_entropy
            return 0.5 * (entropy(square, truth, reduction="sum") + entropy(square.T, truth, reduction="sum"))

        values, vectors = torch.linalg.eigh(torch.func.hessian(of_logits)(logits.reshape(-1)))
        roots.append((vectors * values.clamp(min=0).sqrt()).T @ jacobian)
    root, damping = torch.cat(roots) / pairs**0.5, folder.record["damping"]
    inner = torch.linalg.solve(damping * torch.eye(len(root), dtype=root.dtype) + root @ root.T, root @ gradient)
    solved = (gradient - root.T @ inner) / damping
    return (removed @ solved / pairs).numpy()


@pytest.mark.parametrize("loss", ["siglip", "dcl"])
def test_other_losses_run_from_table_to_traces_and_give_other_scores(tmp_path: Path, loss: str) -> None:
    config = small_config(tmp_path, segmentations=1, batch_size=5)
    softmax, other = run(config), run(dataclasses.replace(config, loss=loss))
    assert other.is_finished and scores(other)["influence"].notna().all()
    assert not np.allclose(scores(other)["influence"], scores(softmax)["influence"], rtol=0.05)


def test_a_loss_that_needs_three_pairs_refuses_smaller_batches(tmp_path: Path) -> None:
    with pytest.raises(BatchesError, match="3 pairs in every batch for --loss dcl, got a batch of 2 validation pairs"):
        run(small_config(tmp_path, loss="dcl", batch_size=4))


@pytest.mark.parametrize("curvature", ["identity", "gauss-newton"])
def test_scores_of_a_run_equal_brute_force_to_one_in_a_million(tmp_path: Path, curvature: str) -> None:
    batches = given_batches(small_table(tmp_path))
    config = small_config(tmp_path, dtype="float64", curvature=curvature, batches=str(batches), damping=0.01)
    folder = run(config)
    expected, found = brute_force(folder), scores(folder)["influence"].to_numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())
    assert np.abs(expected).max() > 1e-6


def start(config_path: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "engine", "run", str(config_path)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def test_what_the_record_says_of_the_features_stands_there_before_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: RunFolder, **values: object) -> None:
        if "cost" in values:
            assert (self.path / "features.part").is_dir()
            raise KeyboardInterrupt
        real(self, **values)

    real = RunFolder.update_record
    monkeypatch.setattr(RunFolder, "update_record", killed)
    with pytest.raises(KeyboardInterrupt):
        run(small_config(tmp_path))
    (folder,) = list_runs(tmp_path / "runs")
    assert folder.has("batches.parquet") and not folder.has("features")


@pytest.mark.parametrize("when", ["pairs.parquet", "features", "queries.parquet"])
def test_a_killed_run_resumes_with_the_same_scores(tmp_path: Path, when: str) -> None:
    config = small_config(tmp_path, dtype="float64", sketches=64, segmentations=3)
    expected = run(dataclasses.replace(config, out=str(tmp_path / "whole")))
    path = tmp_path / "config.json"
    path.write_text(config.to_json())
    process = start(path)
    target = tmp_path / "runs" / expected.run_id / when
    until = time.monotonic() + 60
    while not target.exists():
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.001)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    killed = RunFolder(target.parent)
    assert not killed.is_finished
    stamp = target.stat().st_mtime_ns
    resumed = run(config)
    assert resumed.path == killed.path and resumed.is_finished
    assert target.stat().st_mtime_ns == stamp  # what was finished is not done again
    pd.testing.assert_frame_equal(scores(resumed), scores(expected), check_exact=True)
    pd.testing.assert_frame_equal(resumed.table("traces"), expected.table("traces"), check_exact=True)


def test_a_run_that_another_process_computes_is_left_alone(tmp_path: Path) -> None:
    config = small_config(tmp_path, sketches=64)
    path = tmp_path / "config.json"
    path.write_text(config.to_json())
    process = start(path)
    try:
        until = time.monotonic() + 60
        while not list((tmp_path / "runs").glob("*/pairs.parquet")):
            assert time.monotonic() < until
            time.sleep(0.005)
        with pytest.raises(RunFolderError, match="another process"):
            run(config)
    finally:
        process.kill()
        process.wait()


def test_pairs_outside_the_given_batches_have_no_scores_and_the_record_says_so(tmp_path: Path) -> None:
    batches = given_batches(small_table(tmp_path))
    table = pd.read_csv(batches).iloc[:-4]
    table.to_csv(batches, index=False)
    folder = run(small_config(tmp_path, batches=str(batches), dtype="float64"))
    assert scores(folder)["influence"].isna().sum() == 4
    assert folder.record["batches"]["left_out"] == 4
    assert any("4 training pairs are in no batch" in note for note in folder.record["notes"])


SPECIFIED = {
    "pairs": "perceptual_hash width height source images",
    "rejects": "caption source",
    "queries": "predicted_pair_id margin direction gallery",
    "scores": "suspicion_rank suggested_caption duplicate_group caption_conflict self_influence self_influence_error "
    "parameter_change parameter_change_error",
    "traces": "influence_positive influence_negative",
}


def test_every_table_has_the_rest_of_its_columns_and_both_roles_carry_weight(tmp_path: Path) -> None:
    folder = run(small_config(tmp_path, segmentations=1))
    for name, columns in SPECIFIED.items():
        assert set(folder.table(name).columns) >= set(columns.split()), name
    found, traces = scores(folder), folder.table("traces")
    assert found["influence_std"].isna().all()  # one segmentation says nothing of its own spread
    assert (found["influence_positive"].abs() > 0).all() and (found["influence_negative"].abs() > 0).all()
    assert set(found.index) == set(folder.table("pairs").query("split == 'train'")["pair_id"])
    for _, side in traces.groupby(["query_id", "side"]):
        assert side["rank"].tolist() == list(range(1, len(side) + 1))
    disturbs = folder.table("disturbs")
    assert (disturbs.groupby("pair_id").size() == 7).all() and (disturbs["pair_id"] != disturbs["other_pair_id"]).all()
    everyone = disturbs.groupby("pair_id")["influence"].sum()[found.index]  # a batch of eight: all seven others fit
    np.testing.assert_allclose(everyone, found["influence_negative"], rtol=1e-3, atol=1e-7)
    assert (found["self_influence"] > 0).all() and (found["self_influence_error"] > 0).all()


def test_only_as_many_wrong_predictions_are_traced_as_asked_and_the_record_says_so(tmp_path: Path) -> None:
    everything, nothing = (run(small_config(tmp_path, trace_queries=count)) for count in (300, 0))
    wrong = everything.table("queries").loc[lambda queries: is_wrong(queries), "query_id"]
    assert set(everything.table("traces")["query_id"]) == set(wrong) and len(wrong) >= 1
    assert nothing.table("traces").empty
    assert f"The surest 0 of {len(wrong)} wrong predictions are traced." in nothing.record["notes"]
    assert not any("surest" in note for note in everything.record["notes"])


def test_bad_rows_are_kept_in_the_rejects_with_a_reason_of_their_own(tmp_path: Path) -> None:
    table = small_table(tmp_path)
    pairs = pd.read_csv(table, keep_default_na=False)
    (tmp_path / "images" / "broken.webp").write_bytes(b"RIFF")
    bad = pairs.head(3).assign(
        pair_id=["bad-1", "bad-2", pairs["pair_id"][3]], caption=["a broken file", " ", "twice the same id"]
    )
    bad.loc[bad.index[0], "image"] = "images/broken.webp"
    pd.concat([pairs, bad]).to_csv(table, index=False)
    folder = run(small_config(tmp_path, segmentations=1))
    rejects = folder.table("rejects").sort_values("row")
    assert rejects["row"].tolist() == [len(pairs) + 1, len(pairs) + 2, len(pairs) + 3]
    assert rejects["reason"].nunique() == 3 and folder.record["counts"]["rejects"] == 3
    assert not set(scores(folder).index) & {"bad-1", "bad-2"}
    kept = folder.table("pairs").set_index("pair_id")["caption"]
    assert kept[pairs["pair_id"][3]] == pairs["caption"][3]  # the first row of an id stands
