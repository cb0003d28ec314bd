"""The configuration refuses what cannot work and survives a round trip."""

import dataclasses

import pytest

from engine.config import RunConfig
from engine.errors import ConfigError


def config(**kwargs: object) -> RunConfig:
    return RunConfig(**{"pairs": "pairs.csv", "model": "hf:model", **kwargs})


def test_json_reads_back_the_same() -> None:
    one = config(templates=("a {}", "the {}"), damping=0.5, batch_size=7)
    assert RunConfig.from_json(one.to_json()) == one


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
