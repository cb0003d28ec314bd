"""The configuration refuses what cannot work and survives a round trip."""

import dataclasses
from pathlib import Path

import pytest

from engine.config import RunConfig, absolute_path
from engine.errors import ConfigError


def config(**kwargs: object) -> RunConfig:
    return RunConfig(**{"pairs": "pairs.csv", "model": "hf:model", **kwargs})


def test_json_reads_back_the_same() -> None:
    one = config(templates=("a {}", "the {}"), damping=0.5, batch_size=7)
    assert RunConfig.from_json(one.to_json()) == one


def test_a_path_is_absolute_and_a_link_to_a_file_keeps_its_own_name_and_place(tmp_path: Path, monkeypatch) -> None:
    for name in ("blobs", "snapshot", "here"):
        (tmp_path / name).mkdir()
    (tmp_path / "blobs" / "9f86d081").touch()
    (tmp_path / "snapshot" / "pairs.csv").symlink_to("../blobs/9f86d081")  # as the hub's own cache has it
    monkeypatch.chdir(tmp_path / "here")
    assert absolute_path("../snapshot/pairs.csv") == str(tmp_path / "snapshot" / "pairs.csv")
    assert absolute_path("../shards/{0..9}-*.tar") == str(tmp_path / "shards" / "{0..9}-*.tar")
    assert (absolute_path("."), absolute_path("..")) == (str(tmp_path / "here"), str(tmp_path))


def test_every_field_has_a_text() -> None:
    assert all(field.metadata["help"] for field in dataclasses.fields(RunConfig))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"damping": 1.0, "relative_damping": 1.0}, "both"),
        ({"damping": 0.0}, "0 has no inverse"),
        ({"batch_size": 1}, "at least 2"),
        ({"curvature": "magic"}, "gauss-newton"),
        ({"templates": ("no place",)}, "exactly one"),
        ({"seed": True}, "whole number"),
        ({"loss": "siglip", "negative_term": "first-order"}, "negative-term exact"),
        ({"trace_role": "negative"}, "positive, both"),
    ],
)
def test_what_cannot_work_is_refused_when_built(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        config(**wrong)


@pytest.mark.parametrize("text", ["{", "[]", '{"pairs": "p"}', '{"pairs": "p", "model": "m", "colour": 1}'])
def test_a_file_that_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        RunConfig.from_json(text)


def test_the_digest_changes_with_what_changes_scores_and_with_nothing_else() -> None:
    base = config().digest("data")
    assert config(chunk_size=3, out="elsewhere", device="cpu").digest("data") == base
    assert len({base, config(seed=1).digest("data"), config().digest("other data")}) == 3
