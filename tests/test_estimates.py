"""What a run will take, before and while it works."""

import dataclasses
import json
import shutil
import time
from pathlib import Path

import pytest
import tiny_models
from small_data import small_config, small_table

from engine.cli import main
from engine.config import RunConfig
from engine.errors import ConfigError
from engine.estimates import (
    DRAWN_AT_MOST,
    Speed,
    duration,
    estimate,
    from_json,
    known_speed,
    later_steps,
    measured_speed,
    megabytes,
    seconds_left,
    to_json,
)
from engine.pairs import check_pairs
from engine.projection import LANDMARKS
from engine.runs import RunFolder, write_json

SPEED = Speed(load_seconds=5.0, pair_seconds=0.01, feature_bytes=4000, how="measured on 8 of your own pairs")
COUNTS = {"train": 800, "validation": 100, "test": 100}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("estimates")
    small_table(place)
    return place


def test_a_few_pairs_are_embedded_and_timed(folder: Path) -> None:
    found = check_pairs(folder / "pairs.csv")
    examples = [(place, image, text) for place, (image, text) in zip(found.places, found.examples, strict=True)]
    speed = measured_speed(small_config(folder), examples)
    assert 0 < speed.pair_seconds < 5 and speed.load_seconds > 0
    assert speed.feature_bytes == 2 * 128 * 4  # both towers of the sample's model, float32
    assert speed.how == "measured on 8 of your own pairs"


def test_a_tier_that_does_not_fit_the_model_is_refused_before_any_run(folder: Path) -> None:
    with pytest.raises(ConfigError):
        measured_speed(small_config(folder, tier="no_such_weight"), [])


def test_the_speed_of_an_earlier_run_of_the_same_model_is_known(sample_run: RunFolder, tmp_path: Path) -> None:
    record = sample_run.record
    speed = known_speed([sample_run], record["hashes"]["model"], sample_run.config)
    number = sum(record["counts"][split] for split in ("train", "validation", "test"))
    assert speed.pair_seconds == pytest.approx(record["cost"]["embedding_seconds"] / number)
    assert sample_run.run_id in speed.how and speed.feature_bytes > 1000
    assert known_speed([sample_run], "another model", sample_run.config) is None
    untimed = RunFolder(shutil.copytree(sample_run.path, tmp_path / "run"))
    steps = {name: step for name, step in record["steps"].items() if name != "features"}
    write_json(untimed.path / "record.json", {**record, "steps": steps})
    assert known_speed([untimed], record["hashes"]["model"], sample_run.config) is None
    half = dataclasses.replace(sample_run.config, dtype="float64")
    assert known_speed([sample_run], record["hashes"]["model"], half) is None


def test_steps_add_up_and_grow_with_the_number_of_pairs(folder: Path) -> None:
    config = small_config(folder)
    found = estimate(config, COUNTS, 2.0, SPEED)
    assert found.seconds == (sum(low for low, _ in found.steps.values()), sum(high for _, high in found.steps.values()))
    assert found.steps["features"] == pytest.approx((0.7 * 5 + 0.6 * 10, 1.5 * 5 + 1.6 * 10))
    assert all(low <= high for low, high in found.steps.values())
    ten_times = estimate(config, {split: 10 * number for split, number in COUNTS.items()}, 20.0, SPEED)
    assert ten_times.seconds[1] > 5 * found.seconds[1]
    assert ten_times.disk_bytes == pytest.approx(10 * found.disk_bytes)
    assert from_json(json.loads(json.dumps(to_json(found)))) == found


@pytest.mark.parametrize("tier", ["heads", "all"])
def test_every_step_that_a_run_has_is_estimated_whether_or_not_there_is_an_earlier_one(
    sample_run: RunFolder, tmp_path: Path, tier: str
) -> None:
    config, steps = dataclasses.replace(sample_run.config, tier=tier), sample_run.record["steps"]
    assert {"neighbours", "map"} <= set(steps)
    assert set(estimate(config, COUNTS, 1.0, SPEED).steps) == set(steps)
    older = RunFolder(shutil.copytree(sample_run.path, tmp_path / "run"))
    fewer = {name: step for name, step in steps.items() if name not in ("neighbours", "map")}
    write_json(older.path / "record.json", {**older.record, "steps": fewer})
    found, how = later_steps(sample_run.config, 800, 1.0, [older])
    assert older.run_id in how and {"neighbours", "map"} <= set(found)


def test_the_time_for_a_map_grows_slower_than_the_pairs(sample_run: RunFolder) -> None:
    small, large = (later_steps(sample_run.config, number, 1.0)[0]["map"] for number in (1_198, 100_000))
    assert small[0] < 2 < small[1] and large[0] < 18 < large[1] < 60  # measured: 2 s and 18 s
    assert DRAWN_AT_MOST == LANDMARKS


def test_an_earlier_run_of_the_same_kind_says_more_than_what_is_typical(sample_run: RunFolder) -> None:
    steps = sample_run.record["steps"]
    doubled, how = later_steps(sample_run.config, 2 * sample_run.record["counts"]["train"], 9.0, [sample_run])
    assert doubled["signals"] == pytest.approx(
        (0.6 * 2 * steps["signals"]["seconds"], 1.8 * 2 * steps["signals"]["seconds"])
    )
    assert sample_run.run_id in how and not {"pairs", "features"} & set(doubled)
    other = dataclasses.replace(sample_run.config, curvature="ekfac")
    assert "typical" in later_steps(other, 100, 9.0, [sample_run])[1]


def test_encoders_that_are_run_again_cost_passes_and_a_solved_curvature_more(folder: Path) -> None:
    config = small_config(folder, tier="all")
    closed = estimate(dataclasses.replace(config, curvature="ekfac"), COUNTS, 1.0, SPEED)
    solved = estimate(config, COUNTS, 1.0, SPEED)
    heads = estimate(small_config(folder), COUNTS, 1.0, SPEED)
    assert heads.seconds[1] < closed.seconds[0] < solved.seconds[0]


def test_the_time_left_counts_what_waits_and_what_the_step_says_of_itself() -> None:
    expected = {"pairs": (1.0, 2.0), "features": (10.0, 20.0), "scores": (5.0, 7.0)}
    progress = {"step_name": "features", "step_started_at": time.time() - 4, "seconds_left": None, "steps": expected}
    assert seconds_left(expected, {"pairs": 1.5}, progress) == pytest.approx((6 + 5, 16 + 7), abs=0.5)
    assert seconds_left(expected, {"pairs": 1.5}, {**progress, "seconds_left": 10.0}) == pytest.approx((13, 19))
    assert seconds_left(expected, {"pairs": 1.5, "features": 12.0}, {**progress, "step_name": "scores",
                        "step_started_at": time.time() - 100}) == (0, 0)  # fmt: skip
    assert seconds_left({"pairs": (1, 2)}, {}, {**progress, "step_name": "pairs"}) is None  # nothing is known of scores


@pytest.mark.parametrize(
    ("seconds", "words"),
    [((0, 0.2), "up to 1 second"), ((4, 50), "4 to 50 seconds"), ((20, 300), "up to 5 minutes"),
     ((70, 200), "1 to 3 minutes"), ((4000, 9000), "1 to 2 hours"), ((600, 610), "10 minutes")],
)  # fmt: skip
def test_durations_are_said_in_the_unit_a_person_would_take(seconds: tuple[float, float], words: str) -> None:
    assert duration(*seconds) == words


def test_sizes_are_said_in_words() -> None:
    assert [megabytes(number) for number in (10, 5 * 2**20, 3 * 2**30)] == ["1 MiB", "5 MiB", "3.0 GiB"]


def test_the_command_says_what_a_run_takes_and_starts_none(folder: Path, tmp_path: Path, capsys) -> None:
    config = small_config(folder)
    (tmp_path / "config.json").write_text(config.to_json())
    assert main(["check", config.pairs, "--json", str(tmp_path / "check.json")]) == 0
    options = ["--checked", str(tmp_path / "check.json"), "--json", str(tmp_path / "out.json")]
    assert main(["estimate", str(tmp_path / "config.json"), *options]) == 0
    said = capsys.readouterr().out
    found = from_json(json.loads((tmp_path / "out.json").read_text()))
    assert f"It takes {duration(*found.seconds)}" in said and "measured on 8 of your own pairs" in said
    assert not Path(config.out).exists()


def test_a_table_without_usable_pairs_and_a_check_of_something_else_are_told(tmp_path: Path, capsys) -> None:
    (tmp_path / "pairs.csv").write_text("image,caption\ngone.png,a cat\n")
    model = tiny_models.hf_clip(tmp_path / "model")
    config = RunConfig(str(tmp_path / "pairs.csv"), str(model), out=str(tmp_path / "runs"))
    (tmp_path / "config.json").write_text(config.to_json())
    assert main(["estimate", str(tmp_path / "config.json")]) == 1
    assert "Expected pairs that can be used" in " ".join(capsys.readouterr().err.split())
    assert main(["estimate", str(tmp_path / "config.json"), "--checked", str(tmp_path / "config.json")]) == 1
    assert "`ecif check --json` wrote" in " ".join(capsys.readouterr().err.split())
