"""Memory that runs out: a chunk halves itself, says so in log and record, and no score changes."""

from __future__ import annotations

import dataclasses
import resource
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from small_data import small_config
from tiny_models import adapter_run, hf_clip, picture_table

from engine import shard_encoding
from engine.cli import main
from engine.directional import encoders, heads
from engine.directional.derivatives import choose_way
from engine.directional.heads import HeadsFeatureMap
from engine.directional.interface import Features
from engine.errors import OutOfMemory
from engine.finetune import learners
from engine.finetune.job import finetune
from engine.finetune.recipe import Recipe
from engine.memory import in_chunks_that_fit, is_out_of_memory, watched_memory
from engine.models.interface import Heads
from engine.models.transformers_clip import TransformersDualEncoder
from engine.pipeline import run
from engine.runs import RunFolder
from faults.killing import LONGEST_SECONDS, call, server

MOST = 3
MEBIBYTE = 2**20
SHORTAGES = [MemoryError(), torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("can't allocate memory")]


def slices(num_rows: int, prepared: list[tuple[int, int]] | None = None):
    def chunks(first: int, size: int) -> Iterator[tuple[slice, int]]:
        if prepared is not None:
            prepared.append((first, size))
        for start in range(first, num_rows, size):
            yield slice(start, min(start + size, num_rows)), start

    return chunks


@pytest.mark.parametrize("shortage", SHORTAGES, ids=lambda error: type(error).__name__)
def test_a_chunk_that_does_not_fit_is_halved_and_every_row_is_done_once_and_in_order(shortage: Exception) -> None:
    done, said, prepared = [], [], []

    def work(part: slice, start: int) -> None:
        assert start == part.start
        if part.stop - part.start > MOST and part.start >= 8:  # the first chunk fits
            raise shortage
        done.extend(range(part.start, part.stop))

    with watched_memory(said.append) as sentences:
        in_chunks_that_fit(21, 8, slices(21, prepared), work)
        assert done == list(range(21)) and prepared == [(0, 8), (8, 4), (8, 2)][: len(prepared)]
        assert said == sentences and len(said) == 2 and "8 rows in a chunk: chunks are of 4" in said[0]
        prepared.clear()
        in_chunks_that_fit(5, 8, slices(5, prepared), work)  # what was learnt holds for what comes after
        assert prepared == [(0, 2)] and len(said) == 2


def test_what_is_no_shortage_is_not_tried_again_and_one_row_that_does_not_fit_is_a_sentence() -> None:
    tried = []

    def broken(part: slice, start: int) -> None:
        tried.append(part)
        raise RuntimeError("sizes of tensors must match")

    with pytest.raises(RuntimeError, match="sizes"):
        in_chunks_that_fit(8, 8, slices(8), broken)
    assert len(tried) == 1

    def hopeless(part: slice, start: int) -> None:
        raise MemoryError

    with pytest.raises(OutOfMemory, match="Expected enough memory, got 'MemoryError'"):
        in_chunks_that_fit(8, 8, slices(8), hopeless)


def test_a_chunk_whose_progress_does_not_fit_gives_its_rows_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Model:
        heads = Heads(torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(()))

        def prepare_images(self, images: list[float]) -> torch.Tensor:
            return torch.tensor(images)[:, None]

        def prepare_texts(self, texts: list[str]) -> tuple[torch.Tensor, int]:
            return torch.tensor([[float(text)] for text in texts]), 1

        def penultimate_images(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs

        penultimate_texts = penultimate_images

    shortages = [MemoryError()]

    def report(done: int) -> None:
        if done > MOST and shortages:
            raise shortages.pop()

    monkeypatch.setattr(shard_encoding, "open_picture", lambda place, name: float(name))
    names = [str(number) for number in range(11)]
    pairs = pd.DataFrame({"images": "", "image": names, "caption": names})
    encoder = shard_encoding.shard_encoder(tmp_path, Model(), pairs, 4, report=report)
    encoder.shards.prepare()
    for shard in encoder.shards.unfinished():
        encoder.encode(shard)
    assert not shortages
    for kind in ("image", "text"):
        assert np.load(tmp_path / f"{kind}.npy")[:, 0].tolist() == list(range(11))


def too_large(value: torch.Tensor, most: int = MOST) -> torch.Tensor:
    """`value`, for which there is no memory if it has many rows."""
    if len(value) > most:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    return value


class LargeBackward(torch.autograd.Function):
    """A forward pass that fits, and a reverse pass that does not."""

    @staticmethod
    def forward(context: object, value: torch.Tensor) -> torch.Tensor:
        return value.clone()

    @staticmethod
    def backward(context: object, slope: torch.Tensor) -> torch.Tensor:
        return too_large(slope).clone()


def tables_agree(first: RunFolder, second: RunFolder) -> None:
    """Scores and traces are equal: a chunk of another size may change the rounding (1e-13 of the largest, float64)."""
    for name, key in (("scores", ["pair_id"]), ("traces", ["query_id", "side", "rank"]), ("queries", ["query_id"])):
        one, other = (run.table(name).set_index(key).sort_index() for run in (first, second))
        pd.testing.assert_frame_equal(one, other, check_exact=False, rtol=1e-9, atol=1e-12)


def test_a_run_over_an_adapter_that_runs_out_of_memory_gives_the_same_scores_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = adapter_run(tmp_path)
    whole = run(dataclasses.replace(config, out=str(tmp_path / "whole")))
    real, encode = encoders.embed, TransformersDualEncoder.penultimate_images
    monkeypatch.setattr(encoders, "embed", lambda *given: too_large(real(*given)))
    monkeypatch.setattr(
        TransformersDualEncoder, "penultimate_images", lambda self, given: too_large(encode(self, given))
    )
    short = run(config)
    tables_agree(short, whole)
    assert any("Memory ran out with 15 rows in a chunk" in note for note in short.record["notes"])
    assert "Memory ran out with 15 rows in a chunk" in capsys.readouterr().err
    assert not any("Memory ran out" in note for note in whole.record["notes"])
    assert short.table("scores")["influence"].abs().max() > 0


def test_a_reverse_pass_that_runs_out_of_memory_is_done_in_smaller_chunks(tmp_path: Path, monkeypatch) -> None:
    config = dataclasses.replace(adapter_run(tmp_path), curvature="datainf")
    whole = run(dataclasses.replace(config, out=str(tmp_path / "whole")))
    real, passed = encoders.embed, []

    def embed(*given: object) -> torch.Tensor:
        value = real(*given)
        passed.append(len(value))
        return LargeBackward.apply(value) if value.requires_grad else value

    monkeypatch.setattr(encoders, "embed", embed)
    tables_agree(run(config), whole)
    assert max(passed) > MOST


@pytest.mark.parametrize("what", ["tangents", "pullback", "pullback_tangents"])
def test_derivatives_of_heads_that_run_out_of_memory_are_the_same(monkeypatch, what: str) -> None:
    torch.manual_seed(0)
    number = {"dtype": torch.float64}
    given = Heads(torch.randn(4, 6, **number), torch.randn(4, 5, **number), torch.zeros((), **number))
    features = HeadsFeatureMap(given, torch.randn(11, 6, **number), torch.randn(11, 5, **number))
    rows, directions = torch.arange(11), torch.randn(2, features.subset.num_parameters, **number)
    slopes = Features(*torch.randn(2, 2, 11, 4, **number), torch.zeros(2, **number), torch.zeros(2, **number))
    arguments = {"tangents": (directions,), "pullback": (slopes,), "pullback_tangents": (slopes, directions)}[what]
    expected = getattr(features, what)(rows, rows, *arguments)
    real = heads._unit
    monkeypatch.setattr(heads, "_unit", lambda inputs, *others: real(too_large(inputs), *others))
    found = getattr(features, what)(rows, rows, *arguments)
    if what == "tangents":
        found, expected = (torch.cat([one.text, one.image], 1) for one in (found, expected))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
    assert expected[0].abs().max() > 0.1 and len(rows) > MOST


def test_a_training_that_runs_out_of_memory_ends_at_the_same_weights_and_says_so(tmp_path: Path, monkeypatch) -> None:
    model, pairs = hf_clip(tmp_path / "model"), picture_table(tmp_path / "pairs", 18)
    recipe = Recipe(
        str(pairs), f"hf:{model}", str(tmp_path / "whole"), tier="all", epochs=2, batch_size=6, dtype="float64",
        device="cpu", learning_rate=0.001,
    )  # fmt: skip
    whole = finetune(recipe)
    for module in (learners, encoders):
        real = module.embed
        monkeypatch.setattr(module, "embed", lambda *given, real=real: too_large(real(*given)))
    short = finetune(dataclasses.replace(recipe, out=str(tmp_path / "short")))
    for one, other in zip(whole.record["epochs"], short.record["epochs"], strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-9)
        assert one["validation_loss"] == pytest.approx(other["validation_loss"], rel=1e-9)
    assert any("Memory ran out with 6 rows in a chunk" in note for note in short.record["notes"])


def allocate(told: Connection) -> None:
    """Work that takes real memory, row by row, in a process that may have 40 MiB more than it has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + 40 * MEBIBYTE
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    outcomes = []
    for make in (lambda size: torch.zeros(size, dtype=torch.uint8), lambda size: np.zeros(size, dtype=np.uint8)):
        done = []

        def work(part: slice, start: int, make=make, done=done) -> None:
            made = make((part.stop - part.start) * MEBIBYTE)
            made[:] = 1
            done.append((part.stop - part.start, int(made[-1])))

        with watched_memory(lambda sentence: None) as sentences:
            in_chunks_that_fit(256, 256, slices(256), work)
        outcomes.append((sum(rows for rows, _ in done), max(rows for rows, _ in done), len(sentences)))
    told.send(outcomes)


def test_a_process_that_really_has_no_more_memory_goes_on_with_less_of_it() -> None:
    reader, told = server().Pipe(duplex=False)
    process = call(allocate, told)
    told.close()
    assert reader.poll(LONGEST_SECONDS)
    for rows, most, halvings in reader.recv():
        assert rows == 256 and most in (16, 32) and halvings == {32: 3, 16: 4}[most]  # 256 MiB do not fit, 32 do
    process.join(LONGEST_SECONDS)


def test_running_out_of_memory_where_no_chunk_helps_is_one_sentence(tmp_path: Path, monkeypatch, capsys) -> None:
    def full(*given: object, **named: object) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("engine.crossfit.tables.signals_table", full)
    config = small_config(tmp_path)
    (tmp_path / "config.json").write_text(config.to_json())
    assert main(["run", str(tmp_path / "config.json")]) == 1
    said = capsys.readouterr().err
    assert "Expected enough memory" in said and "--chunk-size" in said and "Traceback" not in said
    monkeypatch.undo()
    assert main(["run", str(tmp_path / "config.json")]) == 0  # it resumes


def test_a_shortage_never_chooses_another_derivative() -> None:
    """Central differences would give other scores."""

    def short(way: object) -> list[torch.Tensor]:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with pytest.raises(torch.OutOfMemoryError):
        choose_way("auto", short, lambda found: torch.ones(1), torch.float32)


def test_an_error_about_something_else_is_no_shortage() -> None:
    assert all(is_out_of_memory(one) for one in SHORTAGES)
    assert not any(is_out_of_memory(one) for one in (RuntimeError("shape"), ValueError("out of memory"), OSError(12)))
