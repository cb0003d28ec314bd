"""What `ecif check` says about a table."""

import csv

import pytest

from engine.errors import PairsError, StorageError
from engine.pairs import check_pairs, read_check, write_check
from engine.pairs.images import MISSING
from engine.pairs.rows import NO_CAPTION


@pytest.fixture
def path(picture, table):
    rows = [{"path": picture(f"{i}.png", i // 2), "Title": f"picture {i}", "label": "x"} for i in range(8)]
    bad = [("gone.png", "=SUM(A1)"), ("0.png", ""), ("gone.png", "\ttab"), ("@gone.png", "plain")]
    return table(rows + [{"path": image, "Title": text, "label": ""} for image, text in bad])


def test_a_check_counts_what_can_be_used_and_what_not(path):
    found = check_pairs(path)
    assert (found.rows, found.accepted, found.rejected) == (12, 8, 4)
    assert found.columns == {"image": "path", "caption": "Title", "label": "label"}
    assert found.splits == {"train": 8}
    assert found.duplicates == 8
    assert found.examples[:2] == (("0.png", "picture 0"), ("1.png", "picture 1"))
    assert list(found.reasons.items()) == [(MISSING, 3), (NO_CAPTION, 1)]


def test_captions_that_look_odd_are_counted_with_the_oddest_as_examples(picture, table):
    captions = ["a red fox in the snow", "a dog asleep on a mat", "two cats on a wall", "a bird above the sea"] * 3
    captions[4:7] = ["IMG_2041.jpg", "IMG_2041.jpg", "birds that fly over the"]
    found = check_pairs(table([{"path": picture(f"{i}.png", i), "Title": text} for i, text in enumerate(captions)]))
    assert (found.accepted, found.oddities) == (12, 3)
    assert found.odd_examples == (
        ("IMG_2041.jpg", "It is a file name."),
        ("birds that fly over the", "It ends in the middle of a sentence."),
    )


def test_a_check_is_read_back_as_it_was_written(path, tmp_path):
    found = check_pairs(path)
    write_check(found, tmp_path / "check.json")
    assert read_check(tmp_path / "check.json") == found
    assert found.places == (str(path.parent),) * 8 and found.seconds > 0
    for text in ("{", "[]", '{"rows": 1}'):
        (tmp_path / "check.json").write_text(text)
        with pytest.raises(PairsError):
            read_check(tmp_path / "check.json")


def test_the_rejects_are_written_so_that_no_spreadsheet_runs_them(path, tmp_path):
    check_pairs(path, rejects_csv=tmp_path / "rejects.csv")
    with (tmp_path / "rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["row"] for row in rows] == ["9", "10", "11", "12"]
    assert [row["caption"] for row in rows] == ["'=SUM(A1)", "", "'\ttab", "plain"]
    assert rows[3]["image"] == "'@gone.png"
    assert {row["source"] for row in rows} == {str(path)}
    assert all(row["reason"].endswith(".") for row in rows)


def test_rejects_that_cannot_be_written_are_told(path, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        check_pairs(path, rejects_csv=tmp_path / "file" / "rejects.csv")
