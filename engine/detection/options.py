"""What the detection experiments do. No torch."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from engine.errors import ConfigError

PLANTED = ("shuffled", "near", "confusion")
"""kinds of noise that are planted at a ratio"""
RECORDED = "recorded"
"""noise that the data set has already, known from a column"""
NOISE_KINDS = (*PLANTED, RECORDED)


def _option(text: str, default: Any) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class FeaturesOptions:
    """Options of plain features.

    Raises:
        ConfigError: if a value is out of range.
    """

    side: int = _option("images are squeezed to squares of this side [pixels]", 32)
    patch: int = _option("side of a patch [pixels]", 6)
    stride: int = _option("pixels from one patch to the next", 1)
    entries: int = _option("of the dictionary", 800)
    image_dimension: int = _option("numbers per image", 256)
    text_dimension: int = _option("most numbers per caption; the rank, if that is less", 256)
    seed: int = _option("of the patches, the dictionary and the fitted images", 0)

    def __post_init__(self) -> None:
        for name in ("patch", "stride", "image_dimension", "text_dimension"):
            _at_least(self, name, 1)
        _at_least(self, "entries", 2)
        _at_least(self, "seed", 0)
        if (self.side - self.patch) // self.stride < 1:
            raise ConfigError(
                "--side large enough for two patches side by side",
                f"{self.side} with --patch {self.patch} and --stride {self.stride}",
                "Change one of them.",
            )

    @property
    def as_dict(self) -> dict[str, Any]:
        """Every option by its name."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class DetectionOptions:
    """Options of one detection experiment; another value of any of them is another experiment.

    Raises:
        ConfigError: if a value is out of range.
    """

    noise: tuple[str, ...] = _option(
        "kinds of noise: shuffled (captions permuted), near (swapped with a near caption), confusion (a class gets "
        "captions of one other class), recorded (the data set's own, see --truth-column)",
        ("shuffled", "near"),
    )
    ratios: tuple[float, ...] = _option("shares of the training pairs that are made wrong", (0.1, 0.2, 0.3))
    seeds: int = _option("repetitions with other noise and another seed of the detector", 5)
    noisy_validation: bool = _option("plant the same noise in the validation split", False)
    truth_column: str | None = _option(
        "with recorded noise: column of the pairs table with the right label or caption; a pair is wrong where it "
        "differs from the pair's own",
        None,
    )
    truth: str | None = _option("with recorded noise: ground_truth.csv with pair_id and error_kind", None)
    detector: str = _option("what finds wrong pairs, see engine/detection/detectors.py", "ridge")
    resamples: int = _option("bootstrap resamples behind every interval", 400)

    def __post_init__(self) -> None:
        object.__setattr__(self, "noise", tuple(self.noise))
        object.__setattr__(self, "ratios", tuple(self.ratios))
        unknown = [kind for kind in self.noise if kind not in NOISE_KINDS]
        if unknown or not self.noise:
            raise ConfigError(f"--noise among {', '.join(NOISE_KINDS)}", ", ".join(unknown) or "none", "Change it.")
        if not all(0 < ratio <= 0.9 for ratio in self.ratios) or not self.ratios:
            raise ConfigError("--ratios above 0 and at most 0.9", f"{self.ratios}", "Change them.")
        _at_least(self, "seeds", 1)
        _at_least(self, "resamples", 10)
        given = [name for name in ("truth_column", "truth") if getattr(self, name) is not None]
        if len(given) != (RECORDED in self.noise):
            raise ConfigError(
                "--truth-column or --truth with recorded noise, and neither without it",
                f"{' and '.join(given) or 'neither'} with {', '.join(self.noise)}",
                "Say where the truth is.",
            )

    @property
    def key(self) -> str:
        """Eight hex digits that change with every option."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def cells(self) -> list[tuple[str, float | None, int]]:
        """Noise kind, ratio (None for recorded noise) and seed of each cell, in the order they are computed.

        Seeds go round outermost, so that a killed experiment has covered every kind.
        """
        settings = [(kind, ratio) for kind in self.noise for ratio in ([None] if kind == RECORDED else self.ratios)]
        return [(kind, ratio, seed) for seed in range(self.seeds) for kind, ratio in settings]


def _at_least(options: object, name: str, least: int) -> None:
    if getattr(options, name) < least:
        raise ConfigError(
            f"--{name.replace('_', '-')} to be at least {least}", str(getattr(options, name)), "Change it."
        )
