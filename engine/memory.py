"""Work in chunks that halve themselves where memory runs out. No torch here.

A chunk bounds memory and never changes a result, so one that does not fit is done again in halves, and what comes after
it in chunks of that size. `work` must therefore leave nothing behind when it fails.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TypeVar

from engine.errors import OutOfMemory

Given = TypeVar("Given")
Result = TypeVar("Result")
Chunks = Callable[[int, int], Iterator[tuple[slice, Given]]]
"""(first row, most rows of a chunk) → slices of all rows from there on, and what was prepared for each"""

LOG = logging.getLogger("ecif")
TORCH_WORDS = ("can't allocate memory", "not enough memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")
"""of RuntimeErrors: torch has a class of its own only for accelerators"""


@dataclass
class Room:
    """What a process has learnt of its memory."""

    say: Callable[[str], None] = LOG.warning
    most_rows: int | None = None
    """rows that fit, as far as is known"""
    sentences: list[str] = field(default_factory=list)

    def halve(self, tried: int) -> None:
        """Remember that so many rows did not fit."""
        self.most_rows = tried // 2
        sentence = (
            f"Memory ran out with {tried} rows in a chunk: chunks are of {self.most_rows} from here on. "
            f"No score depends on it; --chunk-size {self.most_rows} begins that way."
        )
        self.sentences.append(sentence)
        self.say(sentence)


_room: ContextVar[Room | None] = ContextVar("room", default=None)


@contextlib.contextmanager
def watched_memory(say: Callable[[str], None]) -> Iterator[list[str]]:
    """Keep what is learnt of the memory for all work below this context.

    Args:
        say: is told at once when a chunk was halved.

    Yields:
        The sentences said so far, for a record.
    """
    room = Room(say)
    token = _room.set(room)
    try:
        yield room.sentences
    finally:
        _room.reset(token)


def in_chunks_that_fit(
    num_rows: int, chunk_size: int, chunks: Chunks[Given], work: Callable[[slice, Given], None]
) -> None:
    """Do `work` on all rows, chunk by chunk in order; a chunk that memory cannot hold is halved, again and again.

    Args:
        num_rows: of all chunks together.
        chunk_size: most rows in a chunk to begin with.
        chunks: prepares them; begun anew where one did not fit.
        work: takes a slice of the rows and what was prepared for it.

    Raises:
        OutOfMemory: if not even a single row fits.
    """
    room, first = _room.get() or Room(), 0
    while first < num_rows:
        size = min(chunk_size, room.most_rows or chunk_size, num_rows - first)
        try:
            for part, given in chunks(first, size):
                work(part, given)
                first = part.stop
        except Exception as error:
            size = min(size, num_rows - first)
            if not is_out_of_memory(error):
                raise
            if size == 1:
                raise _out_of_memory(error) from error
            room.halve(size)
        else:
            return
        given = None
        _give_back()


def whole_if_it_fits(num_rows: int, chunk_size: int, work: Callable[[], Result]) -> Result | None:
    """What `work` on all rows at once returns; None if they are more than a chunk, or more than memory holds."""
    room = _room.get() or Room()
    if num_rows > min(chunk_size, room.most_rows or chunk_size):
        return None
    try:
        return work()
    except Exception as error:
        if not is_out_of_memory(error) or num_rows == 1:
            raise
        room.halve(num_rows)
    _give_back()
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether this is how Python, NumPy, Arrow or torch say that memory ran out."""
    if isinstance(error, MemoryError) or any(one.__name__ == "OutOfMemoryError" for one in type(error).__mro__):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in TORCH_WORDS)


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """Turn running out of memory below this context into a sentence.

    Raises:
        OutOfMemory: if memory runs out where no chunk can be halved.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise _out_of_memory(error) from error


def _out_of_memory(error: BaseException) -> OutOfMemory:
    words = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    return OutOfMemory(
        "enough memory",
        f"'{words}'",
        "End other programs, or choose a smaller model, --batch-size, --chunk-size or --dtype; a run resumes.",
    )


def _give_back() -> None:
    """Let go of what the failed chunk held, on the accelerator as well."""
    torch = sys.modules.get("torch")
    if torch is None:
        return
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
