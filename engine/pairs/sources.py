"""What `--pairs`, `--validation` and `--test` may say, and the files and folders that are meant by it.

    pairs.csv                      one table; a path that exists is taken as it is, whatever characters it has
    shards/*.parquet               every file that the pattern matches; ** goes into sub-folders, not into links
    shard-{0000..0009}.tar         every name of the range, and each must be there: a shard is never lost in silence
    {first,second}.csv             the same for names
    folder/                        its metadata.csv, .jsonl or .parquet, if it is a Hugging Face image folder (also one
                                   with sub-folders train, validation and test); else the folder itself

Several files are read in the order of their names. Commas outside braces are part of a name.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from engine.errors import PairsError
from engine.pairs.images import PICTURE_SUFFIXES
from engine.pairs.readers.image_folder import metadata_files

MAX_FILES = 1_000_000
MAX_CHARACTERS = 4096
MAX_DEPTH = 8
"""of braces in braces"""
MAX_BRACES = 64
RANGE = re.compile(r"(\d{1,15})\.\.(\d{1,15})")
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Source:
    """A file, or a folder that one reader reads as a whole."""

    path: Path
    split: str | None = None
    """train, validation or test where the folder that the file lies in says so"""


def sources(spec: str | Path) -> list[Source]:
    """The files and folders that are meant, each once, by rising path.

    Args:
        spec: see the module's text.

    Raises:
        PairsError: if nothing is there, a name of a range is not, or more files are meant than anyone has.
    """
    text = str(spec)
    if len(text) > MAX_CHARACTERS or "\0" in text:
        raise PairsError(
            "a path or a pattern", f"{len(text)} characters that no path can be", "Check what was given as pairs."
        )
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://|pipe:", text):
        raise PairsError(
            "files on this machine", f"the address {text}", "Nothing is fetched: download the data set first."
        )
    paths = [Path(text)] if _exists(text) else _matched(text)
    found: dict[Path, Source] = {}
    for source in (source for path in paths for source in _of_path(path)):
        if source.split or source.path not in found:  # a table that is also meant by itself keeps its folder's split
            found[source.path] = source
    return [found[path] for path in sorted(found)]


def title_of(spec: str | Path) -> str:
    """A short name for what is meant: the file's or folder's, of a pattern its last part with a letter or digit."""
    if _exists(str(spec)):
        return Path(spec).stem
    parts = reversed(Path(spec).parts)
    return next((Path(part).stem for part in parts if re.search(r"[^\W_]", Path(part).stem)), "pairs")


def data_hashes(spec: str | Path) -> Iterator[bytes]:
    """SHA-256 of everything that is meant: of files the bytes; of folders the names and sizes, and bytes but pictures'.

    The split that a file's folder says goes before it: renaming the folder changes the data set.

    Raises:
        PairsError: as `sources`.
        OSError: if a file cannot be read.
    """
    for source in sources(spec):
        if source.split:
            yield hashlib.sha256(source.split.encode()).digest()
        yield _folder_hash(source.path) if source.path.is_dir() else _file_hash(source.path)


def _file_hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _folder_hash(folder: Path) -> bytes:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(os.fsencode(path.relative_to(folder)) + b"\0%d\0" % path.stat().st_size)
        if path.suffix.lower() not in PICTURE_SUFFIXES:
            digest.update(_file_hash(path))
    return digest.digest()


def _of_path(path: Path) -> list[Source]:
    found = metadata_files(path) if path.is_dir() else []
    return [Source(file, split) for file, split in found] or [Source(path)]


def _matched(text: str) -> list[Path]:
    if text.count("{") > MAX_BRACES:
        raise PairsError(f"at most {MAX_BRACES} braces", f"{text.count('{'):,}", "Give the files by a simpler pattern.")
    names = list(islice(_expanded(text), MAX_FILES + 1))
    if len(names) > MAX_FILES:
        raise _too_many(text)
    found: dict[str, None] = {}
    absent = []
    for name in names:
        here = [name] if _exists(name) else _globbed(name, MAX_FILES + 1 - len(found))
        absent += [] if here else [name]
        found.update(dict.fromkeys(here))
    if len(found) > MAX_FILES:
        raise _too_many(text)
    if not absent:
        return [Path(name) for name in found]
    if len(names) == 1:
        is_pattern = glob.has_magic(text)
        got = f"no file that matches {text}" if is_pattern else f"no file at {text}"
        raise PairsError("a table of pairs", got, "Check the pattern." if is_pattern else "Check the path.")
    shown = ", ".join(Path(name).name for name in absent[:SHOWN])
    shown += f" and {len(absent) - SHOWN:,} more" if len(absent) > SHOWN else ""
    raise PairsError(
        f"all {len(names):,} files that {text} stands for", f"no {shown}", "Fetch what is missing, or narrow the range."
    )


def _too_many(text: str) -> PairsError:
    return PairsError(
        f"at most {MAX_FILES:,} files", f"more that {text} stands for", "Narrow the pattern, or read it in parts."
    )


def _globbed(pattern: str, most: int) -> list[str]:
    """Visible paths that match, at most so many; unlike with the module `glob`, links in circles are not followed."""
    if not glob.has_magic(pattern):
        return []
    parts = Path(pattern).parts
    fixed = next(at for at, part in enumerate(parts) if glob.has_magic(part))
    root = Path(*parts[:fixed])
    try:
        matches = (path for path in root.glob(str(Path(*parts[fixed:]))) if _is_visible(path.relative_to(root)))
        return [str(path) for path in islice(matches, most)]
    except (OSError, ValueError) as error:
        raise PairsError("a pattern of file names", f"{pattern} ({error})", "Check the pattern.") from error


def _is_visible(path: Path) -> bool:
    return not any(part.startswith(".") for part in path.parts)


def _exists(name: str) -> bool:
    try:
        return bool(name) and Path(name).exists()
    except OSError:  # longer than a name can be, or a folder that may not be entered
        return False


def _expanded(text: str, depth: int = 0) -> Iterator[str]:
    """The names that braces stand for, one after the other; braces without comma or range are letters like others."""
    if depth > MAX_DEPTH:
        raise PairsError(f"braces at most {MAX_DEPTH} deep", "deeper ones", "Give the files by a simpler pattern.")
    for start in (at for at, letter in enumerate(text) if letter == "{"):
        end = _closing(text, start)
        options = None if end is None else _options(text[start + 1 : end])
        if options is None:
            continue
        tails = text[end + 1 :]
        for option in options:
            for middle in _expanded(option, depth + 1):
                for tail in _expanded(tails, depth):
                    yield text[:start] + middle + tail
        return
    yield text


def _closing(text: str, start: int) -> int | None:
    depth = 0
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at
    return None


def _options(inside: str) -> Iterator[str] | None:
    """What one pair of braces stands for; None if they are no choice."""
    if matched := RANGE.fullmatch(inside):
        first, last = matched.groups()
        is_padded = any(len(one) > 1 and one.startswith("0") for one in (first, last))
        width = max(len(first), len(last)) if is_padded else 0
        low, high = sorted((int(first), int(last)))
        return (f"{number:0{width}d}" if width else str(number) for number in range(low, high + 1))
    parts, depth = [""], 0
    for letter in inside:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return iter(parts) if len(parts) > 1 else None
