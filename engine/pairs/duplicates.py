"""Exact and near duplicates among images, found in nearly linear time.

Copies share the content hash. Candidates for near duplicates share 16 of the 256 difference-hash bits and are
neighbours when sorted by the bits that follow; the difference hash and then the colours must agree for a match.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

HASH_BYTES, COLOUR_BYTES = 32, 96
MAX_DIFFERENT_BITS = 36
"""of 256; recompressed or shifted copies of drawn pictures differ in up to 33"""
MAX_CONTRADICTING_BITS = 64
"""of 256; above it two images are no copies, whatever their features say: of 44,850 pairs of different photographs 1 in
1,000 differs in fewer than 75, a copy with 4 % cut off each side typically differs in 60"""
MAX_COLOUR_DIFFERENCE = 24.0
"""of 255, in the worst of the 8 × 8 cells and 3 channels, after one common gain"""
MAX_GAIN = 1.5
MIN_TEXTURE_BITS = 26
NUM_SHUFFLES = 2
"""neighbouring bits agree often; mixed ones make bands that tell images apart"""
NEIGHBOURS = 10
"""how far to look among images that share a band of bits"""
CANDIDATES_AT_ONCE = 2**16
_ONES = np.array([value.bit_count() for value in range(256)], dtype=np.uint8)


def duplicate_groups(pairs: pd.DataFrame, matches: tuple[np.ndarray, np.ndarray] | None = None) -> np.ndarray:
    """Which pairs show the same image.

    Args:
        pairs: with the columns content_hash and perceptual_hash. A perceptual hash of another length than
            `engine.pairs.fingerprint` writes is not compared.
        matches: positions of the two pairs of each further match, such as `feature_matches` finds; None: none.

    Returns:
        `[pairs]` integers: pairs with the same number are exact or near duplicates; −1 where there is no other.
    """
    contents = pd.factorize(pairs["content_hash"])[0]
    first = np.unique(contents, return_index=True)[1]
    parents = list(range(len(first)))
    for left, right in _near_copies(pairs["perceptual_hash"].iloc[first].to_numpy(dtype=object)):
        _join(parents, left, right)
    for left, right in zip(*([] if matches is None else (contents[side].tolist() for side in matches)), strict=True):
        _join(parents, left, right)
    roots = np.array([_root(parents, image) for image in range(len(first))], dtype=np.int64)[contents]
    many = (np.bincount(roots) > 1)[roots] if len(roots) else np.empty(0, dtype=bool)
    groups = np.full(len(roots), -1, dtype=np.int64)
    groups[many] = pd.factorize(roots[many])[0]
    return groups


def may_be_copies(perceptual_hashes: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Which of the proposed matches their difference hashes do not contradict; true where one has no hash.

    Args:
        perceptual_hashes: of all pairs, `[pairs]`.
        left: positions of one pair of each match, `[matches]`.
        right: positions of the other, `[matches]`.
    """
    is_hashed = _is_hashed(perceptual_hashes)
    found = ~(is_hashed[left] & is_hashed[right])
    both = np.flatnonzero(~found)
    one, other = (_hash_bytes(perceptual_hashes[side[both]])[:, :HASH_BYTES] for side in (left, right))
    found[both] = _ONES[one ^ other].sum(axis=1) <= MAX_CONTRADICTING_BITS
    return found


def _near_copies(hashes: np.ndarray) -> list[tuple[int, int]]:
    """Positions of two images that look the same, enough of them to connect all that do."""
    images = np.flatnonzero(_is_hashed(hashes))
    if not len(images):
        return []
    look, looks = pd.factorize(hashes[images])
    data = _hash_bytes(looks)
    is_textured = _is_textured(data)
    shown_by = images[np.unique(look, return_index=True)[1]]  # for each look, the first image that has it
    same = is_textured[look]
    textured = shown_by[is_textured]
    left, right = _matches(data[is_textured])
    return [
        *zip(images[same].tolist(), shown_by[look[same]].tolist(), strict=True),
        *zip(textured[left].tolist(), textured[right].tolist(), strict=True),
    ]


def _is_hashed(hashes: np.ndarray) -> np.ndarray:
    digits = 2 * (HASH_BYTES + COLOUR_BYTES)
    return np.array([isinstance(one, str) and len(one) == digits for one in hashes], dtype=bool)


def _hash_bytes(hashes: np.ndarray) -> np.ndarray:
    return np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(len(hashes), HASH_BYTES + COLOUR_BYTES)


def _is_textured(data: np.ndarray) -> np.ndarray:
    """Which images are not just one colour: those would all look alike."""
    cells = _levels(data).reshape(len(data), -1, 3)
    is_plain = (cells.max(axis=1) - cells.min(axis=1) <= 1).all(axis=1)
    return ~is_plain | (_ONES[data[:, :HASH_BYTES]].sum(axis=1) >= MIN_TEXTURE_BITS)


def _matches(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the two images of every match."""
    bits = np.unpackbits(data[:, :HASH_BYTES], axis=1)
    shuffles = np.random.default_rng(0).permuted(np.tile(np.arange(bits.shape[1]), (NUM_SHUFFLES, 1)), axis=1)
    found = [_matches_by_bands(data, np.packbits(bits[:, shuffle], axis=1)) for shuffle in shuffles]
    return tuple(np.concatenate(side) for side in zip(*found, strict=True))


def _matches_by_bands(data: np.ndarray, shuffled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matches among neighbours in the 16 orders that begin with one band of the shuffled bits each."""
    words = shuffled.reshape(len(data), HASH_BYTES // 2, 2).astype(np.uint16) @ np.array([256, 1], dtype=np.uint16)
    lefts, rights = [], []
    for band in range(words.shape[1]):
        following = [words[:, (band + step) % words.shape[1]] for step in (3, 2, 1, 0)]
        order = np.lexsort(following)
        for distance in range(1, NEIGHBOURS + 1):
            left, right = order[:-distance], order[distance:]
            same = words[left, band] == words[right, band]
            if not same.any():
                break
            left, right = left[same], right[same]
            for start in range(0, len(left), CANDIDATES_AT_ONCE):
                some = slice(start, start + CANDIDATES_AT_ONCE)
                found = _confirmed(data, left[some], right[some])
                lefts.append(found[0])
                rights.append(found[1])
    empty = np.empty(0, dtype=np.int64)
    return np.concatenate([empty, *lefts]), np.concatenate([empty, *rights])


def _confirmed(data: np.ndarray, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The candidates whose bits and colours agree."""
    different = _ONES[data[left, :HASH_BYTES] ^ data[right, :HASH_BYTES]].sum(axis=1)
    close = different <= MAX_DIFFERENT_BITS
    left, right = left[close], right[close]
    one, other = _colours(data[left]), _colours(data[right])
    gain = one.mean(axis=1, keepdims=True) / other.mean(axis=1, keepdims=True)
    alike = np.abs(one - gain * other).max(axis=1, initial=0) <= MAX_COLOUR_DIFFERENCE
    alike &= (np.maximum(gain, 1 / gain) <= MAX_GAIN).ravel()
    return left[alike], right[alike]


def _colours(data: np.ndarray) -> np.ndarray:
    """`[images, cells · channels]` colours, 0 to 255, in the middle of their 16 levels."""
    return _levels(data) * np.float32(16) + 8


def _levels(data: np.ndarray) -> np.ndarray:
    packed = data[:, HASH_BYTES:]
    return np.stack([packed >> 4, packed & 15], axis=-1).reshape(len(data), 2 * COLOUR_BYTES)


def _root(parents: list[int], image: int) -> int:
    while parents[image] != image:
        parents[image] = parents[parents[image]]
        image = parents[image]
    return image


def _join(parents: list[int], left: int, right: int) -> None:
    left, right = _root(parents, left), _root(parents, right)
    parents[max(left, right)] = min(left, right)
