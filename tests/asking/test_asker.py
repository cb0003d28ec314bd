"""Questions about a picture: the same answer as the stored trace, gradients against finite differences."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_data
import tiny_models
import torch

from engine.asking import Answer, Question, check_askable, read_picture
from engine.asking.asker import Asker, ask
from engine.errors import ConfigError, ModelError, RunFolderPartial
from engine.pairs import RejectedImage, picture_bytes
from engine.pipeline import run
from engine.runs import FORMAT_VERSION, RunFolder, write_json
from engine.scoring import TRACE_SCORES, traces_table


@pytest.fixture(scope="module")
def exact_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A small run of the sample in float64, whose every wrong prediction is traced."""
    return run(small_data.small_config(tmp_path_factory.mktemp("exact"), dtype="float64", damping=0.3, trace_depth=12))


@pytest.fixture(scope="module")
def exact_asker(exact_run: RunFolder) -> Asker:
    return Asker.open(exact_run)


def picture_of(folder: RunFolder, pair_id: str) -> bytes:
    pair = folder.table("pairs").set_index("pair_id").loc[pair_id]
    return picture_bytes(pair["images"], pair["image"])


def wrong_ones(folder: RunFolder, kind: str) -> list[tuple]:
    """Rows of the queries table whose trace is stored."""
    queries = folder.table("queries")
    traced = queries[queries["query_id"].isin(folder.table("traces")["query_id"]) & (queries["kind"] == kind)]
    return list(traced.itertuples())


def agrees(stored: pd.DataFrame, query_id: str, pairs: pd.DataFrame, most: int, tolerance: float) -> None:
    """The first pairs of both sides are the same in the same order, their scores within a relative tolerance."""
    for side in ("hurts", "helps"):
        own = pairs[pairs["side"] == side].head(most)
        there = stored[(stored["query_id"] == query_id) & (stored["side"] == side)].head(most)
        assert len(own) == len(there) > 0
        assert own["pair_id"].tolist() == there["pair_id"].tolist()
        assert own["rank"].tolist() == there["rank"].tolist()
        largest = np.abs(there["influence"]).max()
        for name in TRACE_SCORES:
            scale = largest if name.startswith("influence") else np.abs(there[name]).max()
            np.testing.assert_allclose(own[name], there[name], rtol=tolerance, atol=tolerance * scale)


def test_a_test_picture_with_its_label_gets_the_stored_prediction_and_trace(sample_run: RunFolder) -> None:
    """float32: a picture is embedded alone here and among 256 there, so features differ in the last digits."""
    asker, queries = Asker.open(sample_run), wrong_ones(sample_run, "classification")
    assert len(queries) > 10
    for query in queries[:5]:
        answer = asker.answer(Question(picture_of(sample_run, query.pair_id), None, query.true_label, 10))
        (explanation,) = answer.explanations
        assert answer.predicted == query.predicted_label
        assert answer.probability(answer.predicted) == pytest.approx(query.confidence, abs=1e-5)
        assert explanation.about == "label" and explanation.text == query.true_label
        assert explanation.loss == pytest.approx(query.loss, abs=1e-4)
        agrees(sample_run.table("traces"), query.query_id, explanation.pairs, 10, 1e-3)


def test_in_float64_the_trace_is_the_stored_one_to_ten_digits(exact_run: RunFolder, exact_asker: Asker) -> None:
    queries = wrong_ones(exact_run, "classification")
    assert queries
    for query in queries:
        answer = exact_asker.answer(Question(picture_of(exact_run, query.pair_id), None, query.true_label, 12))
        assert answer.explanations[0].loss == pytest.approx(query.loss, rel=1e-10)
        agrees(exact_run.table("traces"), query.query_id, answer.explanations[0].pairs, 12, 1e-8)


def test_a_caption_among_the_same_pairs_has_the_loss_and_trace_of_a_stored_retrieval(
    exact_run: RunFolder, exact_asker: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss of a caption depends on what it is compared with: given a test pair's own batch, it is that query."""
    test = exact_run.table("pairs").query("split == 'test'")
    query = exact_run.table("queries").query("kind == 'retrieval'").iloc[2]
    traces, _ = traces_table(exact_asker.study, exact_asker.scores, [query["query_id"]], lambda done, of: None)
    others = torch.tensor(test.loc[test["pair_id"] != query.pair_id, "pair_index"].to_numpy(copy=True))
    monkeypatch.setattr(Asker, "companions", lambda asker, picture, caption: others)
    answer = exact_asker.answer(Question(picture_of(exact_run, query.pair_id), query.true_label, None, 12))
    (explanation,) = answer.explanations
    assert explanation.about == "caption" and answer.fit.num_beside == len(test) - 1
    assert explanation.loss == pytest.approx(query.loss, rel=1e-9)
    agrees(traces, query.query_id, explanation.pairs, 12, 1e-7)


def test_gradients_of_both_kinds_are_those_of_finite_differences(exact_asker: Asker) -> None:
    source, step = exact_asker.source, 1e-6
    generator = torch.Generator().manual_seed(3)
    direction = torch.randn(source.theta.shape, generator=generator, dtype=torch.float64)
    image = torch.randn(1, source.image.shape[1], generator=generator, dtype=torch.float64)
    text = torch.randn(1, source.text.shape[1], generator=generator, dtype=torch.float64)
    companions = exact_asker.companions(b"new", "a new caption")

    def at(shift: float) -> Asker:
        moved = exact_asker.study.moved(shift * direction)
        return Asker(moved, moved.source, exact_asker.model, exact_asker.scores, 0.0)

    questions = {
        "class": lambda asker: asker.class_query(image, asker.study.classes[1]),
        "caption": lambda asker: asker.caption_query(image, text, companions),
    }
    for ask_one in questions.values():
        loss, gradient = ask_one(exact_asker)
        difference = (ask_one(at(step))[0] - ask_one(at(-step))[0]) / (2 * step)
        assert loss > 0 and abs(difference) > 1e-3
        assert float(gradient[0] @ direction) == pytest.approx(difference, rel=1e-6)


def test_without_a_label_the_models_own_answer_is_explained(exact_run: RunFolder, exact_asker: Asker) -> None:
    query = wrong_ones(exact_run, "classification")[0]
    picture = picture_of(exact_run, query.pair_id)
    own = exact_asker.answer(Question(picture)).explanations[0]
    given = exact_asker.answer(Question(picture, None, query.predicted_label)).explanations[0]
    assert (own.about, own.text) == ("answer", query.predicted_label)
    assert own.pairs.drop(columns="query_id").equals(given.pairs.drop(columns="query_id"))
    against = exact_asker.answer(Question(picture, None, query.true_label)).explanations[0]
    assert own.pairs["pair_id"].tolist() != against.pairs["pair_id"].tolist()


def test_a_caption_and_a_label_are_both_explained_and_the_answer_survives_json(
    exact_run: RunFolder, exact_asker: Asker
) -> None:
    train = exact_run.table("pairs").query("split == 'train'")
    pair = train.iloc[3]
    steps = []
    answer = exact_asker.answer(
        Question(picture_of(exact_run, pair["pair_id"]), pair["caption"], pair["label"], 5), steps.append
    )
    assert steps == ["embedding", "tracing"]
    assert [one.about for one in answer.explanations] == ["label", "caption"]
    assert answer.probabilities["probability"].sum() == pytest.approx(1)
    nearest = answer.nearest[answer.nearest["rank"] == 1].set_index("kind")["similarity"]
    assert nearest["image"] == pytest.approx(1) and nearest["caption"] == pytest.approx(1)
    assert len(answer.nearest) == 10 and len(answer.best_captions) == 5
    assert not answer.best_captions["caption"].duplicated().any()
    rank, number = answer.fit.ranks["train"]
    captions = train["caption"].drop_duplicates()
    assert number == len(captions) and 1 <= rank <= number
    by_fit = answer.best_captions["caption"].tolist()
    assert rank > len(by_fit) or by_fit[rank - 1] == pair["caption"]
    again = Answer.from_message(json.loads(json.dumps(answer.to_message())))
    assert again.fit == answer.fit and again.predicted == answer.predicted
    assert again.explanations[1].pairs["pair_id"].tolist() == answer.explanations[1].pairs["pair_id"].tolist()
    assert again.nearest["similarity"].tolist() == answer.nearest["similarity"].tolist()


def test_pairs_that_are_no_negatives_are_not_beside_the_caption(exact_run: RunFolder, exact_asker: Asker) -> None:
    validation = exact_run.table("pairs").query("split == 'validation'")
    pair = validation.iloc[0]
    everyone = exact_asker.companions(b"new", "a caption that nobody wrote").tolist()
    batch_size = exact_run.config.batch_size
    assert len(set(everyone)) == batch_size - 1 and set(everyone) <= set(validation["pair_index"])
    assert everyone == exact_asker.companions(b"other", "another caption that nobody wrote").tolist()
    same_picture = exact_asker.companions(picture_of(exact_run, pair["pair_id"]), "new").tolist()
    same_caption = exact_asker.companions(b"new", pair["caption"]).tolist()
    assert pair["pair_index"] not in same_picture and pair["pair_index"] not in same_caption


def test_strangers_pictures_and_words_are_refused_with_a_sentence(exact_run: RunFolder, exact_asker: Asker) -> None:
    picture = picture_of(exact_run, exact_run.table("pairs")["pair_id"].iloc[0])
    for hostile in (b"\x89PNG\r\n\x1a\n", picture[: len(picture) // 2], b"text that calls itself a .png"):
        with pytest.raises(RejectedImage):
            exact_asker.answer(Question(hostile))
    with pytest.raises(RejectedImage, match="empty"):
        Question(b"")
    with pytest.raises(RejectedImage, match="larger than 20 MiB"):
        Question(bytes(20 * 2**20 + 1))
    for text in ("a\0b", "\ud800", "a" * 5001, 7):
        with pytest.raises(ConfigError, match="caption"):
            Question(picture, text)
    with pytest.raises(ConfigError, match="one of the run's classes"):
        exact_asker.answer(Question(picture, None, "<b>fox</b>"))
    for top in (0, 201, True, "7"):
        with pytest.raises(ConfigError, match="per side"):
            Question(picture, top=top)
    with pytest.raises(ConfigError, match="a question"):
        Question.from_message({"picture": "not base64!", "caption": None, "label": None, "top": 3})


def test_only_plain_files_are_read(tmp_path: Path) -> None:
    import os

    (tmp_path / "empty.png").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    for name, reason in (("empty.png", "empty"), ("pipe", "not a file"), ("absent", "not exist"), (".", "not a file")):
        with pytest.raises(RejectedImage, match=reason):
            read_picture(tmp_path / name)


def test_runs_that_cannot_be_asked_say_why(tmp_path: Path, exact_run: RunFolder) -> None:
    lora = tiny_models.adapter_run(tmp_path)
    for config, words in (
        (lora.to_json(), "--tier heads"),
        (json.dumps({"pairs": "p.csv", "model": f"embeddings:{tmp_path}"}), "without an encoder"),
    ):
        folder = tmp_path / "run"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(config, encoding="utf-8")
        write_json(folder / "record.json", {"format_version": FORMAT_VERSION})
        with pytest.raises(ConfigError, match=words):
            check_askable(RunFolder.open(folder))
        with pytest.raises(ConfigError, match=words):
            Asker.open(RunFolder.open(folder))
    (folder / "config.json").write_text(exact_run.config.to_json(), encoding="utf-8")
    with pytest.raises(RunFolderPartial):
        Asker.open(RunFolder.open(folder))


def test_another_model_in_the_place_of_the_runs_is_refused(
    exact_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.asking.asker.model_hash", lambda model, adapter: "0")
    with pytest.raises(ModelError, match="computed with"):
        Asker.open(exact_run)


def test_a_run_without_classes_asks_for_a_caption(tmp_path: Path) -> None:
    model = tiny_models.hf_clip(tmp_path / "model")
    pairs = tiny_models.picture_table(tmp_path / "pairs", 15)
    given = {"batch_size": 5, "segmentations": 1, "sketches": 2, "damping": 0.1, "out": str(tmp_path / "runs")}
    folder = run(tiny_models.RunConfig(str(pairs), str(model), **given))
    with pytest.raises(ConfigError, match="no classes"):
        ask(folder, tmp_path / "pairs" / "1.png")
    answer = ask(folder, tmp_path / "pairs" / "1.png", "red thing", top=3)
    assert answer.predicted is None and [one.about for one in answer.explanations] == ["caption"]
    assert answer.explanations[0].status and answer.fit.num_beside == 4
