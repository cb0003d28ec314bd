"""Everything nasty gives the right result or exactly one reject with the right reason: never a crash, never silence."""

import contextlib
import os
import re
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from corpus import CORPUS, write_corpus
from expectations import Nasty, Refused, Used

from engine.errors import PairsError
from engine.pairs import open_picture, read_pair_table

NOBODY = 65534
COLOUR_TOLERANCE = 12


@contextlib.contextmanager
def nobody() -> Iterator[None]:
    """As a user without rights: root may read everything."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if mine == 0:
            os.seteuid(mine)


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder inside a folder that anybody may look into."""
    with tempfile.TemporaryDirectory() as outer:
        Path(outer).chmod(0o755)
        (Path(outer) / "data").mkdir()
        yield Path(outer) / "data"


def assert_is_a_sentence(text: str) -> None:
    """Ends properly, is on one line that a terminal and a page can show, and is not endless."""
    assert re.fullmatch(r"[A-Z].*[.!?]", text), text
    assert len(text) <= 1500
    text.encode()  # no half characters


@pytest.mark.timeout(20)
@pytest.mark.parametrize("entry", CORPUS, ids=lambda entry: entry.name)
def test_the_right_result_or_one_reject_with_the_right_reason(entry: Nasty, folder: Path) -> None:
    table = entry.write(folder)
    with nobody() if entry.needs_stranger else contextlib.nullcontext():
        if isinstance(entry.rows, Refused):
            with pytest.raises(PairsError, match=re.escape(entry.rows.words)) as caught:
                read_pair_table(table)
            assert_is_a_sentence(str(caught.value))
            assert caught.value.fix
            return
        found = read_pair_table(table)
    assert sorted([*found.pairs["row"], *found.rejects["row"]]) == list(range(1, len(entry.rows) + 1))
    reasons = dict(zip(found.rejects["row"], found.rejects["reason"], strict=True))
    wanted = {row: one for row, one in enumerate(entry.rows, 1) if isinstance(one, str)}
    assert reasons == wanted
    for reason in set(reasons.values()):
        assert_is_a_sentence(reason)
    for pair in found.pairs.itertuples():
        assert_seen_as(entry.rows[pair.row - 1], pair)


def assert_seen_as(want: Used, pair) -> None:
    if want.size is not None:
        assert (pair.width, pair.height) == want.size
    if want.pixels:
        image = open_picture(pair.images, pair.image)
        assert image.mode == "RGB" and image.size == want.size
        for at, colour in want.pixels.items():
            assert image.getpixel(at) == pytest.approx(colour, abs=COLOUR_TOLERANCE), at


def test_the_corpus_is_large_and_its_script_writes_it(tmp_path: Path) -> None:
    names = [entry.name for entry in CORPUS]
    assert len(names) == len(set(names)) >= 200
    outcomes = [one for entry in CORPUS if isinstance(entry.rows, tuple) for one in entry.rows]
    assert len({one for one in outcomes if isinstance(one, str)}) >= 25
    write_corpus(tmp_path, CORPUS[::10])
    assert (
        len((tmp_path / "entries.tsv").read_text().splitlines())
        == len(CORPUS[::10])
        == len(list(tmp_path.glob("*/data")))
    )


def test_nothing_of_it_needs_much_memory() -> None:
    """Runs last in this file: the whole corpus was read in this process."""
    gibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    assert gibibytes < 2.5
