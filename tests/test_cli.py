"""The command line as a stranger meets it: help everywhere, and one clear sentence for everything that is wrong."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from small_data import model, small_config, small_table

from engine import commands
from engine.cli import main
from engine.runs import RunFolder, write_json

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = [*(command.NAME for command in commands.COMMANDS), "evaluate planted", "evaluate fidelity"]


def sentence(capsys: pytest.CaptureFixture, arguments: list[str]) -> str:
    """What a failing command says; it must fail, in one sentence without a traceback."""
    code = main(arguments)
    said = " ".join(capsys.readouterr().err.split())
    assert code == 1, said
    assert said.count("Expected ") == 1 and ", got " in said and "Traceback" not in said
    return said


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_explains_itself_without_loading_torch(command: str) -> None:
    code = (
        "import sys\nfrom engine.cli import main\n"
        f"try: main({[*command.split(), '--help']!r})\n"
        "except SystemExit as done: assert done.code == 0\n"
        "assert 'torch' not in sys.modules and 'streamlit' not in sys.modules\n"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert "usage: ecif" in found.stdout


def test_every_option_of_a_run_is_in_its_help(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    text = capsys.readouterr().out
    options = "pairs validation test classes model tier batches batch-size chunk-size segmentations curvature damping"
    for name in [
        *options.split(),
        "relative-damping",
        "negative-term",
        "loss",
        "device",
        "dtype",
        "seed",
        "out",
        "name",
    ]:
        assert f"--{name}" in text


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--pairs", "absent.csv"], "absent.csv"),
        (["--pairs", "{tmp}"], "images"),
        (["--model", "absent"], "absent"),
        (["--model", "{tmp}"], "model"),
        (["--model", "onnx:somewhere"], "onnx"),
        (["--curvature", "magic"], "curvature"),
        (["--batch-size", "1"], "batch_size"),
        (["--damping", "0"], "damping"),
        (["--damping", "1", "--relative-damping", "1"], "both"),
        (["--tier", "no(such"], "tier"),
        (["--dtype", "int8"], "dtype"),
        (["--template", "no place for the class"], "templates"),
        (["--classes", "absent.txt"], "absent.txt"),
        (["--batches", "absent.csv"], "absent.csv"),
        (["--device", "abacus"], "device"),
    ],
)
def test_a_wrong_option_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture, options: list[str], word: str
) -> None:
    table = small_table(tmp_path)
    options = [option.replace("{tmp}", str(tmp_path / "images")) for option in options]
    given = {"--pairs": str(table), "--model": model(), "--out": str(tmp_path / "runs")}
    arguments = ["run", *[part for item in given.items() if item[0] not in options for part in item], *options]
    assert word in sentence(capsys, arguments)
    assert not list((tmp_path / "runs").glob("*/scores.parquet"))


def test_a_run_without_a_table_or_a_model_says_what_is_missing(capsys: pytest.CaptureFixture) -> None:
    assert "--pairs and no --model" in sentence(capsys, ["run"])


def test_a_table_without_the_columns_names_those_it_could_have(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    said = sentence(capsys, ["run", "--pairs", str(path), "--model", model(), "--out", str(tmp_path)])
    assert "image" in said and "caption" in said
    assert sentence(capsys, ["check", str(path)])


def test_fewer_pairs_than_a_batch_are_said_with_the_size_that_works(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    small_table(tmp_path, train=5, validation=3, test=2)
    config = small_config(tmp_path)
    arguments = ["run", "--pairs", config.pairs, "--model", config.model, "--out", config.out]
    assert "--batch-size 5" in sentence(capsys, arguments)
    assert main([*arguments, "--batch-size", "5"]) == 0


def test_one_training_pair_alone_cannot_be_scored_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    small_table(tmp_path, train=1, validation=3, test=2)
    config = small_config(tmp_path)
    assert "training pairs" in sentence(
        capsys, ["run", "--pairs", config.pairs, "--model", config.model, "--out", config.out]
    )


def test_bad_rows_reject_only_themselves(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    table = small_table(tmp_path)
    pairs = pd.read_csv(table)
    (tmp_path / "images" / "broken.webp").write_bytes(b"RIFF\0\0\0\0WEBPbroken")
    bad = pd.DataFrame(
        {
            "pair_id": ["bad-1", "bad-2", "bad-3", pairs["pair_id"][0]],
            "image": ["images/broken.webp", pairs["image"][1], "images/absent.webp", pairs["image"][2]],
            "caption": ["a broken file", "  ", "nothing there", "a second row with the same id"],
            "label": None,
            "split": "train",
        }
    )
    pd.concat([pairs, bad]).to_csv(table, index=False)
    config = small_config(tmp_path)
    arguments = ["run", "--pairs", config.pairs, "--model", config.model, "--out", config.out]
    assert main([*arguments, "--batch-size", "8"]) == 0
    run = RunFolder(next((tmp_path / "runs").iterdir()))
    rejects = run.table("rejects")
    assert len(rejects) == 4 and rejects["reason"].str.endswith(".").all()
    assert len(run.table("scores")) == 24
    assert main(["check", config.pairs, "--rejects", str(tmp_path / "rejects.csv")]) == 0
    assert len(pd.read_csv(tmp_path / "rejects.csv")) == 4


def finished(sample_run: RunFolder, tmp_path: Path) -> RunFolder:
    target = tmp_path / "runs" / sample_run.run_id
    shutil.copytree(sample_run.path, target, ignore=shutil.ignore_patterns("thumbnails"))
    return RunFolder(target)


def test_a_run_folder_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for command in (["trace", str(tmp_path)], ["export", str(tmp_path / "x"), "--out", "o.csv"]):
        assert "run folder" in sentence(capsys, command)


def test_a_run_folder_from_another_version_is_said_and_left_alone(
    sample_run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run = finished(sample_run, tmp_path)
    write_json(run.path / "record.json", {**run.record, "format_version": 99})
    before = (run.path / "record.json").read_bytes()
    assert "format 99" in sentence(capsys, ["trace", str(run.path)])
    assert (run.path / "record.json").read_bytes() == before


def test_a_damaged_and_a_missing_table_are_two_different_sentences(
    sample_run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run = finished(sample_run, tmp_path)
    (run.path / "queries.parquet").write_bytes(b"PAR1 no")
    assert "queries.parquet" in sentence(capsys, ["trace", str(run.path)])
    (run.path / "queries.parquet").unlink()
    assert "copied in part" in sentence(capsys, ["trace", str(run.path)])
    (run.path / "record.json").write_text("{")
    assert "record.json" in sentence(capsys, ["trace", str(run.path)])


def test_trace_lists_mistakes_and_shows_their_culprits(sample_run: RunFolder, capsys: pytest.CaptureFixture) -> None:
    assert main(["trace", str(sample_run.path)]) == 0
    assert "wrong predictions" in capsys.readouterr().out
    query = sample_run.table("traces")["query_id"].iloc[0]
    assert main(["trace", str(sample_run.path), "--query", query, "--top", "3"]) == 0
    assert "Pairs that hurt" in capsys.readouterr().out
    assert "query id" in sentence(capsys, ["trace", str(sample_run.path), "--query", "classification:nobody"])


def test_trace_computes_a_prediction_that_the_run_did_not_trace(
    sample_run: RunFolder, capsys: pytest.CaptureFixture
) -> None:
    queries = sample_run.table("queries")
    right = queries.loc[queries["correct"].fillna(False).astype(bool), "query_id"].iloc[0]
    assert right not in set(sample_run.table("traces")["query_id"])
    assert main(["trace", str(sample_run.path), "--query", right]) == 0
    assert "Pairs that help" in capsys.readouterr().out


def test_exports_and_their_refusals(sample_run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run = finished(sample_run, tmp_path)
    out = tmp_path / "all.csv"
    assert main(["export", str(run.path), "--which", "all", "--out", str(out)]) == 0
    assert out.is_file() and json.loads((tmp_path / "all.csv.provenance.json").read_text())["rows"] == 1798
    assert "csv" in sentence(capsys, ["export", str(run.path), "--format", "xls", "--out", str(out)])
    assert "folder" in sentence(capsys, ["export", str(run.path), "--out", str(tmp_path / "no" / "o.csv")])


def test_a_runs_folder_that_is_a_file_is_said(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    config = small_config(tmp_path)
    (tmp_path / "file").write_text("mine")
    arguments = ["run", "--pairs", config.pairs, "--model", config.model, "--out", str(tmp_path / "file")]
    assert "--out" in sentence(capsys, arguments)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    config = small_config(tmp_path)
    arguments = ["run", "--pairs", config.pairs, "--model", config.model, "--out", "/proc/runs"]
    assert "/proc/runs" in sentence(capsys, arguments)


@pytest.fixture
def tiny_disk(tmp_path: Path):
    """A real disk of 300 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_said_and_the_run_resumes_when_there_is_room(
    tiny_disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    config = small_config(tmp_path)
    arguments = ["run", "--pairs", config.pairs, "--model", config.model, "--out", str(tiny_disk / "runs")]
    arguments += ["--batch-size", "8"]
    (tiny_disk / "filler").write_bytes(b"x" * 240_000)
    assert "full disk" in sentence(capsys, arguments)
    (tiny_disk / "filler").unlink()
    subprocess.run(["mount", "-o", "remount,size=20m", str(tiny_disk)], check=True)
    assert main(arguments) == 0


def test_a_read_only_disk_is_said(tiny_disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    config = small_config(tmp_path)
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    arguments = ["run", "--pairs", config.pairs, "--model", config.model, "--out", str(tiny_disk / "runs")]
    said = sentence(capsys, arguments)
    assert "permission to write" in said and "--out" in said


def test_doctor_names_versions_and_devices(capsys: pytest.CaptureFixture) -> None:
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "torch" in said and "cpu" in said.lower()


def test_evaluate_prints_detection_and_trace_back(sample_run: RunFolder, capsys: pytest.CaptureFixture) -> None:
    assert main(["evaluate", "planted", str(sample_run.path)]) == 0
    said = capsys.readouterr().out
    for word in ("shuffled", "all wrong captions", "CLIP score", "image similarity", "Embedding pass"):
        assert word in said
    assert "ground-truth" in sentence(capsys, ["evaluate", "planted", str(sample_run.path), "--truth", "absent.csv"])


def test_a_stranger_sees_one_sentence_and_no_traceback_in_a_real_terminal(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "engine", "trace", str(tmp_path)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 1 and found.stdout == ""
    assert found.stderr.count("Expected ") == 1 and "Traceback" not in found.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run", "--batch-size", "many"], "--batch-size"),
        (["export", "r", "--out", "o", "--which", "some"], "--which"),
        (["evaluate"], "EXPERIMENT"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_what_the_parser_refuses_names_the_argument(
    capsys: pytest.CaptureFixture, arguments: list[str], word: str
) -> None:
    with pytest.raises(SystemExit) as done:
        main(arguments)
    assert done.value.code == 2 and word in capsys.readouterr().err.splitlines()[-1]


def arguments_of(tmp_path: Path, **options: str) -> list[str]:
    """A small run that works, with some options changed."""
    config = small_config(tmp_path)
    given = {"pairs": config.pairs, "model": config.model, "out": config.out, "batch-size": "8", **options}
    return ["run", *[part for name, value in given.items() for part in (f"--{name}", value)]]


@pytest.mark.parametrize(
    "changed",
    [{"pairs": 1}, {"model": None}, {"name": 5}, {"out": 3}, {"templates": [1]}, {"log_logit_scale": "no"}],
    ids=lambda changed: next(iter(changed)),
)
def test_a_value_of_the_wrong_type_in_a_configuration_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture, changed: dict[str, object]
) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(small_config(tmp_path).to_json()), **changed}))
    assert next(iter(changed)) in sentence(capsys, ["run", str(path)])


def test_a_configuration_that_is_not_text_is_said(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "config.json").write_bytes(b"\xff\xfe\x00\x81")
    assert "config" in sentence(capsys, ["run", str(tmp_path / "config.json")])


def test_a_seed_that_no_generator_takes_is_said(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert "seed" in sentence(capsys, arguments_of(tmp_path, seed=str(2**70)))


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_this_machine_lacks_is_said(tmp_path: Path, capsys: pytest.CaptureFixture, device: str) -> None:
    import torch

    if {"cuda": torch.cuda, "mps": torch.backends.mps}[device].is_available():
        pytest.skip(f"this machine has {device}")
    assert "device" in sentence(capsys, arguments_of(tmp_path, device=device))


def test_batches_without_their_numbers_are_said(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    rows = [f"0,,{pair_id}" for pair_id in pd.read_csv(small_table(tmp_path))["pair_id"].head(4)]
    (tmp_path / "batches.csv").write_text("\n".join(["segmentation,batch_index,pair_id", *rows]))
    assert "batch_index" in sentence(capsys, arguments_of(tmp_path, batches=str(tmp_path / "batches.csv")))


@pytest.mark.parametrize("damage", ["weights cut off", "no tokenizer"])
def test_a_model_folder_that_is_not_whole_is_said(tmp_path: Path, capsys: pytest.CaptureFixture, damage: str) -> None:
    folder = shutil.copytree(model().removeprefix("hf:"), tmp_path / "model")
    if damage == "no tokenizer":
        for path in folder.iterdir():
            if path.name.startswith(("tokenizer", "vocab", "merges", "special_tokens")):
                path.unlink()
    else:
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:1000])
    assert "model" in sentence(capsys, arguments_of(tmp_path, model=f"hf:{folder}"))


@pytest.mark.parametrize("command", ["export", "check"])
def test_a_pipe_or_device_is_never_replaced_by_a_file(
    sample_run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture, command: str
) -> None:
    run, pipe = finished(sample_run, tmp_path), tmp_path / "pipe"
    os.mkfifo(pipe)
    with_pipe = {
        "export": ["export", str(run.path), "--which", "all", "--out", str(pipe)],
        "check": ["check", str(small_table(tmp_path)), "--rejects", str(pipe)],
    }
    main(with_pipe[command])
    said = " ".join(capsys.readouterr().err.split())
    assert pipe.is_fifo(), "the pipe was replaced by a file"
    assert "Expected " in said


def test_a_table_without_its_columns_is_damaged(
    sample_run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run = finished(sample_run, tmp_path)
    pd.DataFrame({"x": [1]}).to_parquet(run.path / "queries.parquet")
    assert "queries" in sentence(capsys, ["trace", str(run.path)])


def test_damaged_heads_are_said(sample_run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    run = finished(sample_run, tmp_path)
    (run.path / "features" / "heads.safetensors").write_bytes(b"x" * 50)
    assert "features" in sentence(capsys, ["trace", str(run.path), "--query", "validation"])


def test_scores_that_are_not_there_yet_are_said_by_every_reader(
    sample_run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run = finished(sample_run, tmp_path)
    (run.path / "scores.parquet").unlink()
    run.update_record(finished_at=None)
    for command, words in (
        (["export", str(run.path), "--out", str(tmp_path / "o.csv")], "finished scores table"),
        (["evaluate", "planted", str(run.path)], "a finished run"),
    ):
        assert words in sentence(capsys, command)
    assert not (tmp_path / "o.csv").exists()


def test_a_negative_number_of_culprits_is_refused(sample_run: RunFolder, capsys: pytest.CaptureFixture) -> None:
    query = sample_run.table("traces")["query_id"].iloc[0]
    assert "top" in sentence(capsys, ["trace", str(sample_run.path), "--query", query, "--top", "-1"])


def test_check_fails_where_no_row_can_be_used(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "t.csv").write_text("image,caption\nx.png,one\ny.png,two\n")
    assert main(["check", str(tmp_path / "t.csv")]) == 1
    assert "2 rejected" in capsys.readouterr().out


def test_trace_writes_what_it_prints_for_other_programs(sample_run: RunFolder, tmp_path: Path) -> None:
    queries = sample_run.table("queries")
    right = queries.loc[queries["correct"].fillna(False).astype(bool), "query_id"].iloc[0]
    out = tmp_path / "trace.parquet"
    assert main(["trace", str(sample_run.path), "--query", right, "--top", "3", "--out", str(out)]) == 0
    written = pd.read_parquet(out)
    assert set(written.columns) == set(sample_run.table("traces").columns)
    assert set(written["query_id"]) == {right} and set(written["side"]) == {"hurts", "helps"} and len(written) > 6


def test_what_cannot_be_written_or_asked_is_refused_first(
    sample_run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert "--query" in sentence(capsys, ["trace", str(sample_run.path), "--out", str(tmp_path / "x.parquet")])
    assert "folder" in sentence(capsys, ["trace", str(sample_run.path), "--query", "q", "--out", str(tmp_path)])
    nowhere = str(tmp_path / "no" / "such" / "file")
    run = str(sample_run.path)
    for command in (
        ["trace", run, "--query", "q", "--out", nowhere],
        ["whatif", run, "--drop", "ids.txt", "--out", nowhere],
        ["ask", run, "--image", "a.png", "--out", nowhere],
        ["check", "pairs.csv", "--json", nowhere],
        ["check", "pairs.csv", "--rejects", nowhere],
        ["import", run, "made.csv", "--rejects", nowhere],
    ):
        assert "Make the folder" in sentence(capsys, command)
    (tmp_path / "ids.txt").write_text("train-0001")
    for query in ("nobody", "validation"):  # the validation loss is no prediction, right or wrong
        command = ["whatif", str(sample_run.path), "--drop", str(tmp_path / "ids.txt"), "--query", query]
        assert "query id of a prediction" in sentence(capsys, command)
