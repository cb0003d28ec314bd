"""Tiny models and picture tables that trainings begin with."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_models import hf_clip, open_clip_model, picture_table, siglip

from engine.finetune import Recipe


@pytest.fixture(scope="session")
def tiny_specs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """`--model` of a tiny model of every kind."""
    folder = tmp_path_factory.mktemp("tiny")
    hf = hf_clip(folder / "hf")
    return {
        "hf": f"hf:{hf}",
        "siglip": f"hf:{siglip(folder / 'siglip', hf)}",
        "open_clip": f"open_clip:{open_clip_model(folder / 'open_clip')}",
    }


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 training and 6 validation pairs."""
    return picture_table(tmp_path_factory.mktemp("pictures"), 18)


@pytest.fixture
def recipe(tiny_specs: dict[str, str], pictures: Path, tmp_path: Path) -> Callable[..., Recipe]:
    """A recipe in float64 on the tiny CLIP, but for the given options."""

    def make(kind: str = "hf", **options: object) -> Recipe:
        given = {"epochs": 2, "batch_size": 6, "learning_rate": 0.01, "dtype": "float64", "device": "cpu", "rank": 2}
        given |= {"pairs": str(pictures), "model": tiny_specs[kind], "out": str(tmp_path / "tuned")}
        return Recipe(**(given | options))

    return make
