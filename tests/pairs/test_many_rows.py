"""A large table with one bad row: everything is accounted for, in memory that hardly grows with the rows."""

from many_rows import BAD_ROW, checked, write_many_rows

from engine.pairs import images, load_data_set

FEW, MANY = 2_000, 100_000
BYTES_PER_ROW = 1000
"""of memory, at the most; a row of the table has 100 bytes of text (measured: 700 for 1,000,000 rows)"""


def test_a_hundred_thousand_rows_are_checked_in_little_memory(tmp_path):
    few, many = (checked(write_many_rows(tmp_path, number, "csv")) for number in (FEW, MANY))
    print(many)
    assert (many["rows"], many["accepted"], many["rejected"]) == (MANY, MANY - 1, 1)
    assert many["reasons"] == {images.MISSING: 1}
    assert (many["peak_megabytes"] - few["peak_megabytes"]) * 2**20 < BYTES_PER_ROW * (MANY - FEW)


def test_the_bad_row_is_named_and_no_other_is_touched(tmp_path):
    found = load_data_set(write_many_rows(tmp_path, FEW * 3, "jsonl"))
    assert found.rejects["row"].tolist() == [int(BAD_ROW * FEW * 3) + 1]
    assert sorted([*found.pairs["row"], *found.rejects["row"]]) == list(range(1, FEW * 3 + 1))
    assert found.pairs["pair_id"].is_unique
