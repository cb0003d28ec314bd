"""The Ask page in every state, with an engine that answers what the test says; a real one serves the browser test."""

import io
from pathlib import Path

import pandas as pd
import pytest
import tiny_models
from pages import button, open_page, words_on
from PIL import Image
from streamlit.testing.v1 import AppTest

from dashboard.asking_process import Asked
from dashboard.components.asking import waiting
from engine.asking import Answer, Explanation, Fit, Question
from engine.runs import RunFolder

HOSTILE = "<script>alert(1)</script> **bold** [link](https://example.org)"


class ScriptedEngine:
    """Stands where the engine process does."""

    pid, memory_bytes, num_waiting, is_loading = 1, 900e6, 0, False

    def __init__(self) -> None:
        self.questions: list[Question] = []
        self.warmed = 0
        self.answers: list[Answer | str | None] = []
        """what comes of the next questions: an answer, the sentence of an error, or None to let it wait"""

    def warm(self, run: RunFolder, *, with_model: bool) -> None:
        self.warmed += with_model

    def ask(self, run: RunFolder, question: Question) -> Asked:
        self.questions.append(question)
        asked, outcome = Asked(run, question.to_message()), self.answers.pop(0)
        if outcome is not None:
            asked.finish(*((None, outcome) if isinstance(outcome, str) else (outcome,)))
        return asked


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ScriptedEngine:
    scripted = ScriptedEngine()
    monkeypatch.setattr(waiting, "asking_engine", lambda: scripted)
    return scripted


def stored_answer(run: RunFolder, query_id: str, label: str | None, caption: str | None = None) -> Answer:
    """An answer made of a stored trace."""
    query = run.table("queries").set_index("query_id").loc[query_id]
    traces = run.table("traces")
    pairs = traces[traces["query_id"] == query_id]
    train = run.table("pairs").query("split == 'train'")
    explanations = [Explanation("answer" if label is None else "label", label or "cat", 2.3, pairs, "Converged.")]
    fit = None
    if caption is not None:
        explanations.append(Explanation("caption", caption, 3.1, pairs.iloc[::-1], "Converged."))
        fit = Fit(0.41, 99, {"train": (12, 1157), "test": (3, 300)})
    kinds = ["image"] * 3 + ["caption"] * 3 * (fit is not None)
    nearest = pd.DataFrame({"kind": kinds, "pair_id": train["pair_id"].head(len(kinds)).to_list(), "similarity": 0.9})
    return Answer(
        128, 128,
        pd.DataFrame({"label": [query["predicted_label"], "fox", HOSTILE], "probability": [0.9, 0.097, 0.003]}),
        fit,
        train[["pair_id", "caption"]].head(4).assign(cosine=0.8),
        tuple(explanations),
        nearest.assign(rank=nearest.groupby("kind").cumcount() + 1),
        {"load": 1.0, "embed": 0.1, "trace": 0.2},
    )  # fmt: skip


def a_mistake(run: RunFolder) -> pd.Series:
    queries = run.table("queries")
    traced = queries["query_id"].isin(run.table("traces")["query_id"])
    return queries[traced & (queries["true_label"] == "fox") & (queries["kind"] == "classification")].iloc[0]


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "orange").save(out, "PNG")
    return out.getvalue()


def upload(app: AppTest, data: bytes, name: str = "mine.png") -> AppTest:
    return app.file_uploader[0].upload(name, data, "image/png").run()


def test_without_a_picture_the_page_offers_to_take_one(runs_dir: Path, engine: ScriptedEngine) -> None:
    app = open_page("ask")
    assert not app.exception and not app.error
    assert app.title[0].value == "Ask about your own picture"
    assert len(app.file_uploader) == 1 and "test pictures" in words_on(app)
    assert engine.questions == [] and engine.warmed == 0


def test_an_uploaded_picture_is_asked_about_once_and_every_change_again(
    runs_dir: Path, sample_run: RunFolder, engine: ScriptedEngine
) -> None:
    query = a_mistake(sample_run)
    own = stored_answer(sample_run, query["query_id"], None)
    labelled = stored_answer(sample_run, query["query_id"], "fox")
    engine.answers = [own, labelled]
    app = upload(open_page("ask"), png())
    assert "Press Ask" in words_on(app) and "0.9 GB" in words_on(app)
    assert engine.warmed >= 1 and engine.questions == []
    button(app, "Ask").click().run()
    assert not app.exception and not app.error
    assert "The model is 90% sure" in words_on(app)
    assert app.segmented_control(key="ask_side").options == ["Taught this answer", "Spoke against it",
                                                            "Most like the picture"]  # fmt: skip
    app.selectbox(key="ask_label").select("fox").run()
    assert "The model sees something else" in words_on(app)
    assert "You say fox: the model gives that 9.7%" in words_on(app)
    assert app.segmented_control(key="ask_side").value == "hurts"
    assert app.query_params["label"] == "fox" and app.query_params["pairs"] == "hurts"
    app.segmented_control(key="ask_side").set_value("image").run()
    assert "Most like the picture".lower() in words_on(app).lower() and not app.exception
    app.selectbox(key="ask_label").set_value(None).run()  # asked before: the answer is still there
    assert "The model is 90% sure" in words_on(app)
    assert [one.label for one in engine.questions] == [None, "fox"]
    assert engine.questions[0].picture == png() and engine.questions[0].top >= 10
    button(app, "Ask another").click().run()
    assert len(app.file_uploader) == 1 and "label" not in app.query_params


def test_a_test_picture_in_the_url_opens_with_its_words(
    runs_dir: Path, sample_run: RunFolder, engine: ScriptedEngine
) -> None:
    query = a_mistake(sample_run)
    engine.answers = [stored_answer(sample_run, query["query_id"], "fox", HOSTILE)]
    app = open_page("ask", example=query["pair_id"], label="fox", caption=HOSTILE)
    assert len(app.file_uploader) == 0 and app.selectbox(key="ask_label").value == "fox"
    button(app, "Ask").click().run()
    assert not app.exception and not app.error
    (question,) = engine.questions
    assert (question.label, question.caption) == ("fox", HOSTILE)
    pair = sample_run.table("pairs").set_index("pair_id").loc[query["pair_id"]]
    assert question.picture == Path(pair["images"], pair["image"]).read_bytes()
    assert "11 of 1,156 training captions fit this picture better than yours" in words_on(app)
    assert HOSTILE not in "\n".join(one.value for kind in (app.markdown, app.caption) for one in kind)
    app.segmented_control(key="ask_about").set_value("caption").run()
    assert app.segmented_control(key="ask_side").value == "hurts" and not app.exception
    assert app.segmented_control(key="ask_side").options[-1] == "Most like the caption"


def test_a_link_to_an_answer_about_a_test_picture_opens_the_answer(
    runs_dir: Path, sample_run: RunFolder, engine: ScriptedEngine
) -> None:
    query = a_mistake(sample_run)
    engine.answers = [stored_answer(sample_run, query["query_id"], "fox")]
    app = open_page("ask", example=query["pair_id"], label="fox", asked="1", pairs="image")
    assert not app.exception and not app.error
    assert "The model sees something else" in words_on(app)
    assert app.segmented_control(key="ask_side").value == "image"


def test_nonsense_in_the_url_is_passed_over(runs_dir: Path, engine: ScriptedEngine) -> None:
    app = open_page("ask", example="../../etc/passwd", label="no class", pairs="sideways", asked="1")
    assert not app.exception and not app.error
    assert len(app.file_uploader) == 1 and "example" not in app.query_params


@pytest.mark.parametrize(("data", "words"), [(b"no picture", "not an image"), (b"", "empty"), (png()[:60], "cut off")])
def test_a_file_that_is_no_picture_is_refused_before_the_engine_hears_of_it(
    runs_dir: Path, engine: ScriptedEngine, data: bytes, words: str
) -> None:
    app = upload(open_page("ask"), data)
    assert not app.exception and words in app.error[0].value
    assert len(app.file_uploader) == 1 and engine.questions == []


def test_while_the_engine_works_its_steps_are_shown(runs_dir: Path, engine: ScriptedEngine) -> None:
    engine.answers, engine.pid, engine.is_loading = [None], None, True
    app = upload(open_page("ask"), png())
    assert "is being loaded" in words_on(app) or "GB" in words_on(app)
    button(app, "Ask").click().run()
    assert "Loading the model, once" in words_on(app) and "Tracing the answer back" in words_on(app)
    assert not app.exception


def test_an_engine_that_failed_says_why_and_is_asked_again(
    runs_dir: Path, sample_run: RunFolder, engine: ScriptedEngine
) -> None:
    engine.answers = ["The engine stopped.", stored_answer(sample_run, a_mistake(sample_run)["query_id"], None)]
    app = upload(open_page("ask"), png())
    button(app, "Ask").click().run()
    assert "There is no answer" in app.error[0].value and "The engine stopped." in words_on(app)
    app.run()  # as the page does when an answer is there: the failure stays on screen, it is not asked again by itself
    assert "The engine stopped." in words_on(app) and len(engine.questions) == 1
    button(app, "Ask").click().run()
    assert not app.error and "90% sure" in words_on(app)


def test_strangers_on_other_machines_may_not_ask_unless_told_so(
    runs_dir: Path, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECIF_LOCAL", "0")
    app = open_page("ask")
    assert "Asking is for this machine only" in words_on(app) and len(app.file_uploader) == 0
    monkeypatch.setenv("ECIF_ASK", "1")
    assert len(open_page("ask").file_uploader) == 1


def test_a_run_over_an_adapter_says_that_only_heads_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: ScriptedEngine
) -> None:
    from engine.pipeline import run

    adapter_run = run(tiny_models.adapter_run(tmp_path))
    monkeypatch.setenv("ECIF_RUNS_DIR", str(adapter_run.path.parent))
    monkeypatch.setenv("ECIF_DECISIONS", str(tmp_path / "d.sqlite"))
    app = open_page("ask", run=adapter_run.run_id)
    assert "This run cannot be asked" in words_on(app) and "--tier heads" in words_on(app)
    assert not app.exception and not app.error


def test_without_any_run_the_page_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECIF_RUNS_DIR", str(tmp_path / "nothing"))
    monkeypatch.setenv("ECIF_DECISIONS", str(tmp_path / "d.sqlite"))
    assert "No finished run yet" in words_on(open_page("ask"))
