"""How tables of pairs are read, beyond the path of the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from engine.errors import ConfigError


class _Configuration(Protocol):
    images: str | None
    caption_template: str


@dataclass(frozen=True)
class ReadOptions:
    """What a user says about the pictures and captions of a data set.

    Raises:
        ConfigError: if the template has no place for the class, or several.
    """

    images: str | None = None
    """folder (or container) where the pictures of a table lie; None: the table's own folder. Formats that bring their
    pictures along do not need it"""
    template: str = "a photo of a {}."
    """caption of a picture that has a class and no caption; {} is the class"""

    def __post_init__(self) -> None:
        if self.template.count("{}") != 1:
            raise ConfigError(
                "a caption template with exactly one {}", repr(self.template), "Put {} where the class goes."
            )

    @classmethod
    def of(cls, config: _Configuration) -> ReadOptions:
        """Those in the configuration of a run, or in the recipe of a training."""
        return cls(config.images, config.caption_template)
