"""Which runs can be asked about a picture of one's own or about any prediction, in seconds. No torch."""

from __future__ import annotations

import json

from engine.errors import ConfigError, RunFolderDamaged
from engine.models import split_spec
from engine.runs import RunFolder


def check_askable(run: RunFolder) -> None:
    """Refuse a run whose questions cannot be answered in seconds, or not at all.

    Raises:
        ConfigError: if the run studies more than the heads, or its features were given without an encoder.
    """
    config = run.config
    if split_spec(config.model)[0] == "embeddings":
        raise ConfigError(
            "a run whose model can look at a picture",
            f"features given without an encoder ({config.model})",
            "Run again with --model naming the encoder that made them.",
        )
    check_traceable(run)


def check_traceable(run: RunFolder) -> None:
    """Refuse a run whose predictions cannot be traced in seconds. Given features are enough.

    Raises:
        ConfigError: if the run studies more than the heads.
    """
    if run.config.tier != "heads":
        raise ConfigError(
            "a run with --tier heads",
            f"--tier {run.config.tier}",
            "Only the heads answer in seconds: every question would pass all training pairs through the encoders. "
            "Run the same model with --tier heads beside it.",
        )


def trace_seconds(run: RunFolder) -> float | None:
    """What the run took for the influence of all pairs on one query; None if it does not tell.

    A trace takes about as long: a gradient, a solve, a pass over the training pairs. Loading comes on top.
    """
    seconds = run.record.get("cost", {}).get("scoring_seconds")
    return float(seconds) if isinstance(seconds, int | float) else None


def classes_of(run: RunFolder) -> tuple[str, ...]:
    """The class names of a run's zero-shot predictions; empty without labels.

    Raises:
        RunFolderDamaged: if their file cannot be read.
    """
    path = run.path / "features" / "classes.json"
    try:
        return tuple(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise RunFolderDamaged(
            "a readable list of classes", f"{path} ({error})", "Delete the folder features and run again."
        ) from error
