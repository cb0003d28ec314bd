"""Errors a person can meet: each says what was expected, what came, and what to do."""

from __future__ import annotations

MOST_CHARACTERS, LAST_CHARACTERS = 600, 80


def _readable(text: str) -> str:
    """On one line, of bearable length, and without what no terminal or page can show: paths and cells may hold it."""
    if len(text) > MOST_CHARACTERS:
        text = f"{text[: MOST_CHARACTERS - LAST_CHARACTERS]} … {text[-LAST_CHARACTERS:]}"
    if text.isprintable():
        return text
    line = " ".join(part.strip() for part in text.splitlines() if part.strip())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


class EcifError(Exception):
    """Base of all errors that are shown to the user as one sentence, without a traceback.

    Args:
        expected: what should have been there.
        got: what was found instead.
        fix: what the user can do about it.
    """

    def __init__(self, expected: str, got: str, fix: str) -> None:
        self.expected, self.got, self.fix = (_readable(part) for part in (expected, got, fix))
        super().__init__(f"Expected {self.expected}, got {self.got}. {self.fix}")

    def __reduce__(self) -> tuple[type[EcifError], tuple[str, str, str]]:
        """From another process it arrives as what it was."""
        return type(self), (self.expected, self.got, self.fix)


class ConfigError(EcifError):
    """An option is out of range, unknown, or conflicts with another."""


class PairsError(EcifError):
    """A data set as a whole cannot be used (single bad rows are rejects, not errors)."""


class ModelError(EcifError):
    """A model cannot be found, read or used."""


class BatchesError(EcifError):
    """A batch segmentation does not fit the training pairs."""


class SolveError(EcifError):
    """A linear solve gave nothing usable."""


class TrainingError(EcifError):
    """A training gave a loss or a gradient that is not finite."""


class StorageError(EcifError):
    """The disk refused: full, read-only, or without permission."""


class OutOfMemory(EcifError):
    """The machine or the accelerator has not enough memory, however small the chunks."""


class ClusterError(EcifError):
    """A cluster cannot be reached, or loses its workers."""


class RunFolderError(EcifError):
    """A run folder cannot be used."""


class RunFolderAbsent(RunFolderError):
    """There is no run folder at this place."""


class RunFolderPartial(RunFolderError):
    """The run has not finished the step that was asked for."""


class RunFolderDamaged(RunFolderError):
    """A file of the run exists but cannot be read."""


class RunFolderVersion(RunFolderError):
    """The run was written in a format this version does not read."""


class DecisionsError(EcifError):
    """The decision store cannot be read or written."""
