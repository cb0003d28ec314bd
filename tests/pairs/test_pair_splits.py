"""Ids, and how pairs come to be training, validation or test pairs."""

import pytest

from engine.pairs import load_data_set, read_pair_table
from engine.pairs.ids import derived_id
from engine.pairs.splits import OTHER_TABLE


@pytest.fixture
def many(picture, table):
    """Forty images with two captions each, no split column."""
    rows = [{"image": picture(f"{i}.png", i), "caption": f"{word} {i}"} for i in range(40) for word in ("a", "the")]
    return rows, table(rows)


def split_of(found) -> dict[str, str]:
    return dict(zip(found.pairs["pair_id"], found.pairs["split"], strict=True))


def test_identical_pairs_stay_distinct_pairs_with_the_same_ids_in_every_run(picture, table):
    rows = [{"image": picture(name, 1), "caption": text} for name, text in
            (("a.png", "x"), ("copy.png", "x"), ("a.png", "y"), ("a.png", "x"))]  # fmt: skip
    first, second = read_pair_table(table(rows)), read_pair_table(table(rows))
    base = derived_id(first.pairs["content_hash"][0], "x")
    ids = first.pairs["pair_id"].tolist()
    assert [ids[0], ids[1], ids[3]] == [base, f"{base}-2", f"{base}-3"]
    assert ids[2] == derived_id(first.pairs["content_hash"][0], "y") != base
    assert ids == second.pairs["pair_id"].tolist()


def test_ids_do_not_depend_on_where_the_image_lies(picture, table):
    one = read_pair_table(table([{"image": picture("a.png", 1), "caption": "x"}]))
    other = read_pair_table(table([{"image": picture("deep/b.png", 1), "caption": "x"}], "other.csv"))
    assert one.pairs["pair_id"].tolist() == other.pairs["pair_id"].tolist()


def test_a_tenth_is_held_out_the_same_in_every_run_and_order(many, table):
    rows, path = many
    found = load_data_set(path, seed=3)
    assert (found.pairs["split"] == "validation").sum() == 8
    assert (found.pairs["split"] == "train").sum() == 72
    assert split_of(found) == split_of(load_data_set(path, seed=3))
    assert split_of(found) == split_of(load_data_set(table(rows[::-1], "turned.csv"), seed=3))
    assert split_of(found) != split_of(load_data_set(path, seed=4))
    assert "8 of 80" in found.notes[0]
    assert "seed 3" in found.notes[0]
    assert "test" in found.notes[1]


def test_captions_of_one_image_are_held_out_together(many):
    found = load_data_set(many[1]).pairs
    assert (found.groupby("content_hash")["split"].nunique() == 1).all()


def test_near_copies_are_held_out_together(tmp_path, picture, table):
    from PIL import Image

    rows = []
    for i in range(12):
        rows.append({"image": picture(f"{i}.png", i, (128, 128)), "caption": "a"})
        Image.open(tmp_path / f"{i}.png").save(tmp_path / f"{i}.jpg", quality=70)
        rows.append({"image": f"{i}.jpg", "caption": "a"})
    for seed in range(5):
        found = load_data_set(table(rows), seed=seed).pairs
        assert found["content_hash"].is_unique
        assert (found["split"] == "validation").any()
        assert (found.groupby(found["image"].str.split(".").str[0])["split"].nunique() == 1).all()


def test_the_split_column_decides_where_it_names_validation_pairs(picture, table):
    image = picture("a.png")
    rows = [{"image": image, "caption": f"{s}{i}", "split": s} for s in ("train", "val", "test") for i in range(3)]
    found = load_data_set(table(rows))
    assert found.pairs["split"].tolist() == ["train"] * 3 + ["validation"] * 3 + ["test"] * 3
    assert not any("held out" in note for note in found.notes)


def test_test_pairs_are_not_touched_when_validation_pairs_are_held_out(many, table):
    rows = [{**row, "split": "test" if i % 4 < 2 else "train"} for i, row in enumerate(many[0])]
    found = load_data_set(table(rows)).pairs
    assert (found["split"] == "test").sum() == 40
    assert (found["split"] == "validation").sum() == 4


def test_separate_tables_make_one_data_set(picture, table):
    paths = [
        table([{"image": picture(f"{s}{i}.png", 10 * n + i), "caption": s} for i in range(2)], f"{s}.csv")
        for n, s in enumerate(("train", "validation", "test"))
    ]
    found = load_data_set(*paths)
    assert found.pairs["split"].tolist() == ["train"] * 2 + ["validation"] * 2 + ["test"] * 2
    assert found.pairs["pair_index"].tolist() == list(range(6))
    assert found.pairs["row"].tolist() == [1, 2] * 3
    assert found.pairs["source"].tolist() == [str(path) for path in paths for _ in range(2)]
    assert found.notes == ()


def test_rows_that_another_table_replaces_are_rejected_and_not_lost(picture, table):
    image = picture("a.png")
    main = table([{"image": image, "caption": s, "split": s} for s in ("train", "validation", "test")])
    other = table([{"image": picture("b.png", 1), "caption": "x", "split": "train"}], "validation.csv")
    found = load_data_set(main, other)
    assert found.pairs["split"].tolist() == ["train", "test", "validation"]
    assert found.rejects["reason"].tolist() == [OTHER_TABLE.format("validation")]


def test_tables_that_are_each_numbered_from_zero_lose_nothing(picture, table):
    main = table([{"pair_id": i, "image": picture(f"{i}.png", i), "caption": "a"} for i in range(3)])
    other = table([{"pair_id": i, "image": picture(f"v{i}.png", 9 + i), "caption": "a"} for i in (2, 5, 5)], "v.csv")
    found = load_data_set(main, other)
    assert found.pairs["pair_id"].tolist() == ["0", "1", "2", "validation-2", "5"]
    assert found.rejects[["row", "source"]].to_numpy().tolist() == [[3, str(other)]]
    assert "1 validation pairs" in found.notes[0]


def test_pairs_that_are_in_training_and_test_are_kept_and_told(picture, table):
    rows = [{"image": picture(f"{i}.png", i), "caption": "a"} for i in range(4)]
    main, other = table(rows), table([rows[0], {**rows[1], "caption": "another"}], "other.csv")
    found = load_data_set(main, other, other)
    assert found.pairs["pair_id"].is_unique
    assert found.rejects.empty
    base = found.pairs["pair_id"][0]
    assert found.pairs["pair_id"].tolist()[4::2] == [f"{base}-2", f"{base}-3"]
    assert any(note.startswith("4 validation or test pairs") and "(2 with" in note for note in found.notes)


def test_labels_are_kept_and_may_be_empty(picture, table):
    rows = [{"image": picture(f"{i}.png", i), "caption": "a", "label": label} for i, label in enumerate(["cat", ""])]
    labels = read_pair_table(table(rows)).pairs["label"]
    assert labels[0] == "cat"
    assert labels.isna().tolist() == [False, True]


def test_a_table_of_which_nothing_can_be_used_gives_only_rejects(table):
    found = load_data_set(table([{"image": "none.png", "caption": "a"}] * 3))
    assert found.pairs.empty
    assert len(found.rejects) == 3
