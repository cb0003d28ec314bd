"""Small pictures and tables for the tests of engine.pairs."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., str]:
    """Draws a picture that no other seed gives, and returns its name."""

    def draw(name: str, seed: int = 0, size: tuple[int, int] = (40, 30)) -> str:
        cells = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(cells).resize(size, Image.Resampling.BICUBIC).save(path)
        return name

    return draw


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows (dicts with the same keys) in the format of the name's suffix."""

    def write(rows: list[dict], name: str = "pairs.csv") -> Path:
        path = tmp_path / name
        if path.suffix == ".parquet":
            pd.DataFrame(rows).to_parquet(path, index=False)
        elif path.suffix == ".jsonl":
            path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        else:
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, rows[0], delimiter="\t" if path.suffix == ".tsv" else ",")
                writer.writeheader()
                writer.writerows(rows)
        return path

    return write
