"""The recipe of a training: one frozen dataclass, checked when built. No torch."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.config import RunConfig, absolute_path, help_of
from engine.errors import ConfigError
from engine.models import split_spec

LEARNING_RATES = {"heads": 1e-3, "lora": 1e-3, "all": 1e-5}
"""defaults by tier; a regular expression counts as `all`"""
NEVER_MATTERS = ("out", "chunk_size", "device")
"""options that name where and how it is computed, not what"""


def _option(text: str, **kwargs: Any) -> Any:
    return field(metadata={"help": text}, **kwargs)


@dataclass(frozen=True)
class Recipe:
    """What `ecif finetune` does. Paths are strings; every field has a text that `--help` prints.

    Raises:
        ConfigError: if a value is out of range or two options exclude each other.
    """

    pairs: str = _option(help_of("pairs"))
    model: str = _option(help_of("model"))
    out: str = _option("folder of this training; the same command resumes what it holds")
    validation: str | None = _option(help_of("validation"), default=None)
    images: str | None = _option(help_of("images"), default=None)
    caption_template: str = _option(help_of("caption_template"), default=RunConfig.caption_template)
    adapter: str | None = _option("LoRA adapter to start from (other tiers: merged into the model)", default=None)
    tier: str = _option("what is trained: heads, lora, all, or a regular expression over names", default="heads")
    log_logit_scale: bool = _option("train the temperature (and a logit bias) as well", default=False)
    loss: str = _option(help_of("loss"), default="clip")
    epochs: int = _option("passes over the training pairs", default=10)
    learning_rate: float | None = _option(
        "highest learning rate (default: heads and lora 1e-3, else 1e-5)", default=None
    )
    warmup: float = _option("share of the steps in which the learning rate rises", default=0.1)
    weight_decay: float = _option("decoupled weight decay towards zero", default=0.0)
    damping: float = _option("λ of the penalty λ/2 ‖θ − θ_start‖²; `ecif run --damping` takes the same", default=0.0)
    batch_size: int = _option(help_of("batch_size"), default=128)
    chunk_size: int = _option("pairs in memory at once; never changes the result", default=256)
    rank: int = _option("rank of a new adapter", default=8)
    alpha: float | None = _option("scaling of a new adapter × its rank (default: twice the rank)", default=None)
    targets: tuple[str, ...] = _option(
        "endings of the names of the layers to adapt (default: attention and MLP of both towers)", default=()
    )
    checkpoint_steps: int | None = _option("steps between checkpoints (default: one epoch)", default=None)
    device: str = _option(help_of("device"), default="auto")
    dtype: str = _option("float32 or float64; bfloat16 or float16: inside the encoders", default="float32")
    seed: int = _option("seed of the batches, a new adapter and the held-out split", default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", tuple(self.targets))
        _ = self.shared
        for name in ("epochs", "rank", "checkpoint_steps"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise ConfigError(f"{name} to be a whole number of at least 1", repr(value), "Change it.")
        for name in ("learning_rate", "alpha"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ConfigError(f"{name} to be a positive number", repr(value), "Change it.")
        for name in ("weight_decay", "damping"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name} to be 0 or more", repr(getattr(self, name)), "Change it.")
        if not 0 <= self.warmup < 1:
            raise ConfigError("warmup to be a share from 0 to below 1", repr(self.warmup), "Change it.")
        if self.tier == "lora" and self.log_logit_scale:
            raise ConfigError(
                "--tier lora without --log-logit-scale",
                "both",
                "Leave one of them out: an adapter has no place for the temperature.",
            )
        if self.targets and (self.tier != "lora" or self.adapter):
            raise ConfigError("--targets with a new adapter", "another start", "Leave --targets out.")

    @property
    def shared(self) -> RunConfig:
        """The options that `ecif run` has too, as it checks them."""
        names = (
            "pairs",
            "model",
            "validation",
            "images",
            "caption_template",
            "adapter",
            "loss",
            "batch_size",
            "chunk_size",
            "device",
            "dtype",
            "seed",
        )
        given = {name: getattr(self, name) for name in names}
        # a run studies an adapter that exists; a training may begin with a new one
        tier = "heads" if self.tier == "lora" and self.adapter is None else self.tier
        return RunConfig(tier=tier, log_logit_scale=self.log_logit_scale, **given)

    @property
    def learning_rate_in_force(self) -> float:
        """The given learning rate, else the tier's default."""
        return self.learning_rate or LEARNING_RATES.get(self.tier, LEARNING_RATES["all"])

    @property
    def alpha_in_force(self) -> float:
        """The given alpha, else twice the rank."""
        return self.alpha or 2.0 * self.rank

    @property
    def result(self) -> str:
        """The name of what a finished training holds: adapter for the tier lora, else model."""
        return "adapter" if self.tier == "lora" else "model"

    def with_absolute_paths(self) -> Recipe:
        """The same recipe, readable from any working directory."""
        values = {
            name: absolute_path(value)
            for name in ("pairs", "validation", "images", "adapter", "out")
            if (value := getattr(self, name))
        }
        kind, source = split_spec(self.model)
        if Path(source).is_dir():
            values["model"] = f"{kind}:{Path(source).resolve()}"
        return dataclasses.replace(self, **values)

    def differences(self, other: Recipe) -> list[str]:
        """Names of the options in which the two would train different models."""
        names = [one.name for one in dataclasses.fields(self) if one.name not in NEVER_MATTERS]
        return [name for name in names if getattr(self, name) != getattr(other, name)]
