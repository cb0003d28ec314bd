"""Broken copies of sound files: the same seed breaks them the same way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

TELLING = (
    *(
        b"",
        b"\0",
        b"\xff",
        b"\xff\xff\xff\xff",
        b"\x7f\xff\xff\xff",
        b"\x00\x00\x00\x80",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
    ),
    *(b'"', b"'", b"\\", b"\n", b"\r", b",", b"\t", b"{", b"[", b"}", b"..", b"/", b"-1", b"1e999", b"NaN", b"null"),
    *(b"\\ud800", b"9" * 30),
)
"""bytes that mean something to some format"""


def broken_copies(sound: Sequence[bytes], number: int, seed: int) -> Iterator[bytes]:
    """Copies of sound files in turn, each with one to four faults.

    Args:
        sound: whole files.
        number: how many copies.
        seed: of the faults.
    """
    rng = np.random.default_rng(seed)
    for at in range(number):
        data = sound[at % len(sound)]
        for _ in range(rng.integers(1, 5)):
            data = _with_fault(data, sound[rng.integers(len(sound))], rng)
        yield data


def _with_fault(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    start, end = sorted(rng.integers(0, len(data) + 1, 2).tolist())
    end = min(end, start + int(rng.choice([1, 4, 16, 400])))
    match rng.integers(8):
        case 0:  # a bit is flipped
            end = min(start + 1, len(data))
            put = bytes(byte ^ 1 << int(rng.integers(8)) for byte in data[start:end])
        case 1:  # bytes are others
            put = rng.bytes(end - start)
        case 2:  # bytes come in between
            end, put = start, rng.bytes(int(rng.integers(1, 20)))
        case 3:  # bytes are gone
            put = b""
        case 4:  # the end is gone
            end, put = len(data), b""
        case 5:  # a part stands twice
            put = data[start:end] * 2
        case 6:  # a part of another file
            put = other[start:end]
        case _:  # something that means something
            put = TELLING[rng.integers(len(TELLING))]
    return data[:start] + put + data[end:]
