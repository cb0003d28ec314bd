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
LARGEST_RATIO = 0.9
NEVER_MATTERS = ("annotators",)
"""options that no cell depends on"""
ACTIONS = ("drop", "relabel")
ARMS = ("none", "flagged", "random", "oracle")
"""ways of cleaning, see engine/detection/cleaning.py"""


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
class NoiseOptions:
    """What makes pairs wrong, and what finds them; shared by the experiments.

    Raises:
        ConfigError: if a value is out of range.
    """

    noise: tuple[str, ...] = _option(
        "kinds of noise: shuffled (captions permuted), near (swapped with a near caption), confusion (a class gets "
        "captions of one other class), recorded (the data set's own, see --truth-column)",
        ("shuffled", "near"),
    )
    seeds: int = _option("repetitions with other noise and another seed of the detector", 5)
    noisy_validation: bool = _option("plant the same noise in the validation split", False)
    truth_column: str | None = _option(
        "with recorded noise: column of the pairs table with the right label or caption; a pair is wrong where it "
        "differs from the pair's own",
        None,
    )
    truth: str | None = _option("with recorded noise: ground_truth.csv with pair_id and error_kind", None)
    detector: str = _option("what finds wrong pairs, see engine/detection/detectors.py", "crossfit")
    resamples: int = _option("bootstrap resamples behind every interval", 400)

    def __post_init__(self) -> None:
        object.__setattr__(self, "noise", tuple(self.noise))
        unknown = [kind for kind in self.noise if kind not in NOISE_KINDS]
        if unknown or not self.noise:
            raise ConfigError(f"--noise among {', '.join(NOISE_KINDS)}", ", ".join(unknown) or "none", "Change it.")
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
        """Eight hex digits that change with every option that changes a cell."""
        values = {name: value for name, value in dataclasses.asdict(self).items() if name not in NEVER_MATTERS}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]

    def cells_at(self, ratios: tuple[float, ...]) -> list[tuple[str, float | None, int]]:
        """Noise kind, ratio (None for recorded noise) and seed of each cell, in the order they are computed.

        Seeds go round outermost, so that a killed experiment has covered every kind.
        """
        settings = [(kind, ratio) for kind in self.noise for ratio in ([None] if kind == RECORDED else ratios)]
        return [(kind, ratio, seed) for seed in range(self.seeds) for kind, ratio in settings]


@dataclass(frozen=True)
class DetectionOptions(NoiseOptions):
    """Options of one detection experiment; another value of any of them is another experiment.

    Raises:
        ConfigError: if a value is out of range.
    """

    ratios: tuple[float, ...] = _option("shares of the training pairs that are made wrong", (0.1, 0.2, 0.3))
    annotators: int = _option("simulated annotators per repetition, who decide 100 pairs each; 0 for none", 4)

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least(self, "annotators", 0)
        object.__setattr__(self, "ratios", tuple(self.ratios))
        if not all(0 < ratio <= LARGEST_RATIO for ratio in self.ratios) or not self.ratios:
            raise ConfigError(f"--ratios above 0 and at most {LARGEST_RATIO}", f"{self.ratios}", "Change them.")

    @property
    def cells(self) -> list[tuple[str, float | None, int]]:
        """See `cells_at`."""
        return self.cells_at(self.ratios)


@dataclass(frozen=True)
class UsefulnessOptions(NoiseOptions):
    """Options of one experiment on what cleaning is worth; another value of any of them is another experiment.

    Raises:
        ConfigError: if a value is out of range, or recorded noise is to be relabelled.
    """

    ratio: float = _option("share of the training pairs that is made wrong", 0.2)
    action: str = _option(
        "what happens to the flagged pairs: drop, or relabel (they get their own captions back)", "drop"
    )
    share: float | None = _option(
        "share of the pairs that is flagged; default: those that are more probably wrong than right", None
    )
    epochs: int = _option("of every training of the heads", 20)
    learning_rate: float = _option("highest learning rate of AdamW", 1e-3)
    train_damping: float = _option("λ of the penalty λ/2 ‖θ − θ_start‖² in training", 0.0)
    batch_size: int = _option("pairs compared with each other in training", 128)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in (("ratio", self.ratio), ("share", self.share)):
            if value is not None and not 0 < value <= LARGEST_RATIO:
                raise ConfigError(f"--{name} above 0 and at most {LARGEST_RATIO}", f"{value}", "Change it.")
        if self.action not in ACTIONS:
            raise ConfigError(f"--action among {', '.join(ACTIONS)}", self.action, "Change it.")
        if self.action == "relabel" and RECORDED in self.noise:
            raise ConfigError(
                "--action drop with recorded noise", "relabel", "Choose drop: the right captions are not known."
            )

    @property
    def cells(self) -> list[tuple[str, float | None, int]]:
        """See `cells_at`."""
        return self.cells_at((self.ratio,))


def _at_least(options: object, name: str, least: int) -> None:
    if getattr(options, name) < least:
        raise ConfigError(
            f"--{name.replace('_', '-')} to be at least {least}", str(getattr(options, name)), "Change it."
        )
