"""What a fidelity experiment does. No torch."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from engine.errors import ConfigError


def _option(text: str, default: Any) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class FidelityOptions:
    """Options of one experiment; another value of any of them is another experiment.

    Raises:
        ConfigError: if a value is out of range.
    """

    damping: float = _option("λ of training: (λ/2)‖θ − θ_ref‖² per pair, θ_ref the run's parameters", 0.1)
    groups: int = _option("random groups", 60)
    share: float = _option("share of the training pairs in a group", 0.1)
    flagged: int = _option("groups with a growing share of the most suspicious pairs", 20)
    train_pairs: int | None = _option("train with this many pairs only, chosen by the seed", None)
    seed: int = _option("of the groups, the chosen pairs and the bootstrap", 0)

    def __post_init__(self) -> None:
        for name, least in (("groups", 3), ("flagged", 0), ("seed", 0)):
            if getattr(self, name) < least:
                raise ConfigError(f"--{name} to be at least {least}", str(getattr(self, name)), "Change it.")
        if not 0 < self.damping < float("inf"):
            raise ConfigError(
                "--damping to be a positive number", str(self.damping), "Give one: without it there may be no minimum."
            )
        if not 0 < self.share <= 0.5:
            raise ConfigError("--share above 0 and at most 0.5", str(self.share), "Change it.")
        if self.train_pairs is not None and self.train_pairs < 2:
            raise ConfigError("--train-pairs to be at least 2", str(self.train_pairs), "Change it.")

    @property
    def key(self) -> str:
        """Eight hex digits that change with every option."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]
