"""Where the embedded sample data set lies, in a checkout and in an installed package. No torch."""

from __future__ import annotations

from pathlib import Path

from engine.config import RunConfig
from engine.errors import PairsError

DEMO_BATCH_SIZE = 100
DEMO_DAMPING = 0.3
"""λ of the sample model's fine-tuning (sample_data/finetune.py): the damping stands for that regulariser"""


def sample_folder() -> Path:
    """The folder of the sample data set.

    Raises:
        PairsError: if it is neither beside the code nor in the package.
    """
    here = Path(__file__).resolve().parent
    for folder in (here / "_sample_data", here.parent / "sample_data"):
        if (folder / "pairs.csv").is_file():
            return folder
    raise PairsError("the sample data in the installation", "none", "Install the package again, or clone it whole.")


def demo_config(out: str) -> RunConfig:
    """The run that `ecif demo` does: every option stands here or is the default."""
    folder = sample_folder()
    templates = (folder / "templates.txt").read_text(encoding="utf-8").split("\n")
    return RunConfig(
        pairs=str(folder / "pairs.csv"),
        model=f"hf:{folder / 'model'}",
        classes=str(folder / "classes.txt"),
        templates=tuple(line for line in templates if line.strip()),
        batch_size=DEMO_BATCH_SIZE,
        damping=DEMO_DAMPING,
        out=out,
        name="demo",
    )
