"""The configuration of a run: one frozen dataclass, checked when built, JSON both ways."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import ConfigError

CURVATURES = ("gauss-newton", "hessian", "datainf", "ekfac", "identity")
NEGATIVE_TERMS = ("exact", "first-order")
TRACE_ROLES = ("positive", "both")
TIERS = ("heads", "lora", "all")
"""named tiers; anything else is a regular expression over parameter names"""
DERIVATIVES = ("auto", "forward", "central")
LEAST_PAIRS = {"clip": 1, "siglip": 1, "dcl": 3}
"""pairs that a batch needs, for each loss"""
LOSSES = tuple(LEAST_PAIRS)
LARGEST = 2**63
DTYPES = ("float32", "float64", "bfloat16", "float16")
DEVICES = ("auto", "cpu", "cuda", "mps")
PLACE = ("chunk_size", "device", "executor", "workers", "out", "name")
"""fields that say where and how a run is computed, and never change a score"""
DEFAULT_TEMPLATES = ("a photo of a {}.", "a picture of a {}.", "an image of a {}.", "{}")
DEFAULT_RELATIVE_DAMPING = 100.0
DATAINF_RELATIVE_DAMPING = 0.1
"""of the reference code; its unit is the mean squared gradient of single pairs, tensor by tensor"""


def _option(text: str, **kwargs: Any) -> Any:
    return field(metadata={"help": text}, **kwargs)


@dataclass(frozen=True)
class RunConfig:
    """What `ecif run` does. Paths are strings; every field has a text that `--help` prints.

    Raises:
        ConfigError: if a value is out of range or two options exclude each other.
    """

    pairs: str = _option(
        "image–caption pairs: a table (.csv .tsv .jsonl .parquet), captions of COCO or Flickr, webdataset shards "
        "(.tar), or a folder (image folder, class folders, img2dataset, Hugging Face datasets, clip-retrieval); "
        "several files by a pattern in quotation marks: 'shards/*.parquet', 'shard-{0000..0099}.tar'"
    )
    model: str = _option(
        "model: a folder, hf:NAME_OR_FOLDER, open_clip:NAME[/TAG], open_clip:FOLDER or embeddings:FOLDER"
    )
    validation: str | None = _option("validation pairs, named likewise; default: the splits of the pairs", default=None)
    test: str | None = _option("test pairs, named likewise; default: the splits of the pairs", default=None)
    images: str | None = _option(
        "folder (or tar) where the pictures of a table lie; default: the table's own folder", default=None
    )
    caption_template: str = _option(
        "caption of a picture that has a class and no caption, with {} for the class", default="a photo of a {}."
    )
    classes: str | None = _option("file with one class name per line; default: the labels", default=None)
    templates: tuple[str, ...] = _option("prompt templates with {} for the class", default=DEFAULT_TEMPLATES)
    adapter: str | None = _option("LoRA adapter of the model: a folder that peft saved", default=None)
    tier: str = _option(
        "which parameters are studied: heads, lora (the adapter), all, or a regular expression over parameter names",
        default="heads",
    )
    log_logit_scale: bool = _option("study the temperature (and a logit bias) as well", default=False)
    loss: str = _option("the training loss: clip (softmax), siglip (sigmoid) or dcl (decoupled)", default="clip")
    batches: str | None = _option("recorded segmentation: table segmentation, batch_index, pair_id", default=None)
    batch_size: int = _option("pairs compared with each other in the loss", default=128)
    segmentations: int = _option("number of seeded segmentations to average over", default=3)
    chunk_size: int = _option("pairs in memory at once; never changes a score", default=256)
    curvature: str = _option(
        "gauss-newton, hessian (exact, indefinite away from an optimum), datainf, ekfac (both closed forms, tensor by "
        "tensor) or identity",
        default="gauss-newton",
    )
    curvature_pairs: int | None = _option(
        "build the curvature on whole batches with at least this many pairs; default: on all of up to 20,000 pairs, "
        "on 8,192 of more",
        default=None,
    )
    damping: float | None = _option("absolute damping", default=None)
    relative_damping: float | None = _option(
        f"damping as a multiple of the mean diagonal of the curvature (default {DEFAULT_RELATIVE_DAMPING:g}, "
        f"with datainf {DATAINF_RELATIVE_DAMPING:g})",
        default=None,
    )
    negative_term: str = _option("negative role: exact or first-order", default="exact")
    sketches: int = _option("random directions behind relative influence and self-influence", default=32)
    trace_role: str = _option(
        "what ranks the pairs behind a prediction: positive (what a pair taught by its own match) or both roles",
        default="positive",
    )
    trace_depth: int = _option("pairs kept per prediction and side", default=50)
    trace_queries: int = _option(
        "most wrong predictions that are traced, the surest first (fewer where pairs are many); `ecif trace` computes "
        "any other",
        default=300,
    )
    cg_tolerance: float | None = _option(
        "relative residual at which a solve has converged (default 1e-5 in float32, 1e-10 in float64)", default=None
    )
    cg_iterations: int = _option("most conjugate-gradient iterations", default=500)
    folds: int = _option(
        "parts of the training pairs that are scored by heads fitted to the others, to find wrong pairs", default=5
    )
    cleaning_rounds: int = _option(
        "fits per fold: the first with all pairs, each further one without the suspects of the one before", default=3
    )
    detection_seeds: int = _option("repetitions with other folds that suspicion is averaged over", default=2)
    cross_fit: str | None = _option(
        "folder of an `ecif finetune` training: every fold is scored by this training done again without the fold and "
        "without suspects (as many trainings as folds), instead of by heads alone",
        default=None,
    )
    device: str = _option("auto, cpu, cuda or mps", default="auto")
    dtype: str = _option(
        "float32 or float64, for features and scores; bfloat16 or float16: inside the encoders, the rest in float32",
        default="float32",
    )
    derivative: str = _option(
        "how full encoders are differentiated along a direction: forward (exact), central (differences) or auto",
        default="auto",
    )
    seed: int = _option("seed of segmentations, held-out split, sketches and the draws of a curvature", default=0)
    executor: str = _option(
        "where passes over the pairs run: local (this process), ray (workers on this machine) or ray:HOST:PORT (a Ray "
        "cluster); never changes a score",
        default="local",
    )
    workers: int | None = _option(
        "workers of --executor ray; default: one per GPU, or one per machine without", default=None
    )
    out: str = _option("folder that holds the runs", default="ecif_runs")
    name: str | None = _option("name of the run; default: the name of the pairs table", default=None)

    def __post_init__(self) -> None:
        for one in dataclasses.fields(self):
            _check_type(one.name, getattr(self, one.name), str(one.type))
        object.__setattr__(self, "templates", tuple(self.templates))
        _check_tier(self.tier, self.adapter)
        _check_choice("derivative", self.derivative, DERIVATIVES)
        _check_choice("loss", self.loss, LOSSES)
        _check_choice("curvature", self.curvature, CURVATURES)
        _check_choice("negative_term", self.negative_term, NEGATIVE_TERMS)
        _check_choice("trace_role", self.trace_role, TRACE_ROLES)
        _check_choice("dtype", self.dtype, DTYPES)
        _check_choice("device", self.device, DEVICES)
        for name, least in (
            ("batch_size", 2),
            ("segmentations", 1),
            ("chunk_size", 1),
            ("sketches", 1),
            ("trace_depth", 1),
            ("trace_queries", 0),
            ("cg_iterations", 1),
            ("folds", 2),
            ("cleaning_rounds", 1),
            ("detection_seeds", 1),
            ("seed", 0),
        ):
            _check_whole(name, getattr(self, name), least)
        if self.workers is not None:
            _check_whole("workers", self.workers, 1)
        _check_executor(self.executor, self.workers)
        if self.curvature_pairs is not None:
            _check_whole("curvature_pairs", self.curvature_pairs, 1)
        if self.derivative == "central" and self.dtype in ("bfloat16", "float16"):
            raise ConfigError(
                "--derivative forward or --dtype float32",
                f"central differences in {self.dtype}",
                "Choose one of the two: differences of rounded features are mostly rounding.",
            )
        if self.damping is not None and self.relative_damping is not None:
            raise ConfigError("either damping or relative_damping", "both", "Leave one of them out.")
        if self.loss == "siglip" and self.negative_term == "first-order":
            raise ConfigError(
                "--negative-term exact with --loss siglip",
                "first-order",
                "Leave --negative-term out: the exact term costs nothing here.",
            )
        for name in ("damping", "relative_damping", "cg_tolerance"):
            _check_positive(name, getattr(self, name))
        for template in (*self.templates, self.caption_template):
            if template.count("{}") != 1:
                raise ConfigError("templates with exactly one {}", repr(template), "Put {} where the class goes.")

    @property
    def relative_damping_in_force(self) -> float | None:
        """The relative damping that applies; None if an absolute damping was given."""
        if self.damping is not None:
            return None
        if self.relative_damping is not None:
            return self.relative_damping
        return DATAINF_RELATIVE_DAMPING if self.curvature == "datainf" else DEFAULT_RELATIVE_DAMPING

    def to_json(self) -> str:
        """The configuration as JSON text that `from_json` reads back."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> RunConfig:
        """Read a configuration written by `to_json`.

        Raises:
            ConfigError: if the text is not JSON or has unknown or missing fields.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:  # also: numbers of thousands of digits, thousands of levels
            raise ConfigError(
                "a JSON configuration", f"text that is not JSON ({error})", "Use a config.json that a run wrote."
            ) from error
        known = {f.name for f in dataclasses.fields(cls)}
        if not isinstance(values, dict) or not set(values) <= known or not {"pairs", "model"} <= set(values):
            unknown = sorted(set(values) - known) if isinstance(values, dict) else type(values).__name__
            raise ConfigError(
                "a configuration with `pairs`, `model` and known options",
                f"{unknown}",
                "Use a config.json that a run of this version wrote.",
            )
        return cls(**values)

    @classmethod
    def load(cls, path: str | Path) -> RunConfig:
        """Read a configuration file.

        Raises:
            ConfigError: if the file is absent or not a configuration.
        """
        try:
            return cls.from_json(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError("a readable configuration file", f"{path} ({error})", "Check the path.") from error

    def digest(self, *more: str) -> str:
        """Eight hex digits that change with anything that can change a score (and with `more`, data hashes).

        `PLACE` is left out: it never changes what is computed.
        """
        values = dataclasses.asdict(self)
        for name in PLACE:
            values.pop(name)
        text = json.dumps([values, *more], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]


def absolute_path(path: str) -> str:
    """A path or pattern as it is read from any working directory.

    The last part stays what it is, also where it is a link: its name says the format, and pictures lie beside it.
    """
    given = Path(path)
    return str(given.resolve() if given.name == ".." else given.parent.resolve() / given.name)


def help_of(name: str) -> str:
    """The help text of one field."""
    return next(f.metadata["help"] for f in dataclasses.fields(RunConfig) if f.name == name)


def _check_type(name: str, value: object, kind: str) -> None:
    """Texts, switches and lists of texts; numbers have checks of their own."""
    if kind == "str | None" and value is None:
        return
    wrong = {
        "str": not isinstance(value, str),
        "str | None": not isinstance(value, str),
        "bool": not isinstance(value, bool),
        "tuple[str, ...]": not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value),
    }
    if wrong.get(kind, False):
        words = {"bool": "true or false", "tuple[str, ...]": "a list of texts"}.get(kind, "a text")
        raise ConfigError(f"{name} to be {words}", repr(value), "Change it.")
    for text in ([value] if isinstance(value, str) else value) if kind in wrong and kind != "bool" else []:
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            raise ConfigError(f"{name} in valid UTF-8 without NUL", repr(text), "Rename the file, or write it again.")


def _check_tier(tier: str, adapter: str | None) -> None:
    if tier == "lora" and adapter is None:
        raise ConfigError("--adapter FOLDER with --tier lora", "none", "Give the folder that peft saved.")
    try:
        re.compile(tier)
    except (re.error, RecursionError, OverflowError) as error:
        raise ConfigError(
            "--tier to be heads, lora, all or a regular expression", f"{tier!r} ({error})", "Change it."
        ) from error


def _check_executor(executor: str, workers: int | None) -> None:
    if not re.fullmatch(r"local|ray(:[^\s/]+:\d+)?", executor):
        raise ConfigError("--executor local, ray or ray:HOST:PORT", repr(executor), "Choose one of these.")
    if workers is not None and executor == "local":
        raise ConfigError("--workers with --executor ray", "--executor local", "Leave --workers out.")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"{name} to be one of {', '.join(choices)}", repr(value), "Choose one of these.")


def _check_whole(name: str, value: int, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < LARGEST:
        raise ConfigError(f"{name} to be a whole number of at least {least} and below 2⁶³", repr(value), "Change it.")


def _check_positive(name: str, value: float | None) -> None:
    if value is not None and not (isinstance(value, int | float) and 0 < value < float("inf")):
        raise ConfigError(f"{name} to be a positive number", repr(value), "Change it; 0 has no inverse.")
