"""Folders as img2dataset's three writers fill them: its tables are accounted for to the row."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import webdataset

from engine.errors import PairsError
from engine.pairs import images, open_picture, read_pair_table
from engine.pairs.readers.img2dataset import FAILED, UNFINISHED

MESSAGES = {
    3: "HTTP Error 404: Not Found",
    7: "<urlopen error\n[Errno -2] Name or service not known>",
    9: "Image decoding error",
}
SHARD_ROWS = 6
NUM_ROWS = 12
FIELDS = [("url", pa.string()), ("caption", pa.string()), ("key", pa.string()), ("status", pa.string()),
          ("error_message", pa.string()), ("width", pa.int32()), ("height", pa.int32()),
          ("sha256", pa.string())]  # fmt: skip


@pytest.fixture
def drawn(tmp_path, picture) -> list[bytes]:
    return [(tmp_path / picture(f"drawn/{number}.jpg", number)).read_bytes() for number in range(NUM_ROWS)]


def meta_of(number: int) -> dict:
    failed = number in MESSAGES
    status = {None: "success"}.get(MESSAGES.get(number), "failed_to_download")
    key = f"{number // SHARD_ROWS:05d}{number % SHARD_ROWS:04d}"
    return {"url": f"https://x.invalid/{number}.jpg", "caption": f"caption {number}", "key": key, "status": status,
            "error_message": MESSAGES.get(number), "width": None if failed else 40, "height": None if failed else 30,
            "sha256": None if failed else "0" * 64}  # fmt: skip


def fill(folder: Path, form: str, drawn: list[bytes], encoding: str = "jpg") -> Path:
    """As its writers do, one shard after the other: the table has every row, the rest only what was fetched."""
    folder.mkdir()
    schema = pa.schema([*FIELDS, (encoding, pa.binary())] if form == "parquet" else FIELDS)
    for shard in range(NUM_ROWS // SHARD_ROWS):
        numbers, stem = range(shard * SHARD_ROWS, (shard + 1) * SHARD_ROWS), folder / f"{shard:05d}"
        fetched = [number for number in numbers if number not in MESSAGES]
        rows = [{**meta_of(number), encoding: drawn[number] if number in fetched else None} for number in numbers]
        pq.write_table(pa.Table.from_pylist(rows, schema), f"{stem}.parquet", row_group_size=4)
        if form == "webdataset":
            with webdataset.TarWriter(f"{stem}.tar") as writer:
                for number in fetched:
                    meta = meta_of(number)
                    writer.write(
                        {"__key__": meta["key"], encoding: drawn[number], "txt": meta["caption"], "json": meta}
                    )
        if form == "files":
            stem.mkdir()
            for number in fetched:
                meta = meta_of(number)
                (stem / f"{meta['key']}.{encoding}").write_bytes(drawn[number])
                (stem / f"{meta['key']}.txt").write_text(meta["caption"])
                (stem / f"{meta['key']}.json").write_text(json.dumps(meta))
        Path(f"{stem}_stats.json").write_text(json.dumps({"count": SHARD_ROWS, "successes": len(fetched)}))
    return folder


@pytest.mark.parametrize("encoding", ["jpg", "webp"])
@pytest.mark.parametrize("form", ["webdataset", "files", "parquet"])
def test_every_form_gives_the_pairs_that_a_table_gives_and_a_reason_for_every_failure(
    tmp_path, drawn, table, form, encoding
):
    fetched = [number for number in range(NUM_ROWS) if number not in MESSAGES]
    rows = [{"image": f"drawn/{number}.jpg", "caption": f"caption {number}"} for number in fetched]
    expected = read_pair_table(table(rows)).pairs
    found = read_pair_table(fill(tmp_path / "out", form, drawn, encoding))
    own = ["image", "images", "source", "row"]
    assert found.pairs.drop(columns=own).equals(expected.drop(columns=own))
    assert found.pairs["row"].tolist() == [number + 1 for number in fetched]
    assert found.rejects["row"].tolist() == [number + 1 for number in MESSAGES]
    assert found.rejects["reason"].tolist() == [FAILED.format(" ".join(one.split())) for one in MESSAGES.values()]
    assert found.rejects["caption"].tolist()[0] == "https://x.invalid/3.jpg"
    assert all(
        open_picture(*one).size == (40, 30) for one in zip(found.pairs["images"], found.pairs["image"], strict=True)
    )


@pytest.mark.parametrize("form", ["webdataset", "files", "parquet"])
def test_a_download_that_was_stopped_gives_what_is_finished_and_says_so_of_the_rest(tmp_path, drawn, form):
    folder = fill(tmp_path / "out", form, drawn)
    table = folder / "00001.parquet"
    table.write_bytes(table.read_bytes()[:500])
    with pytest.raises(PairsError, match="a readable Parquet file"):
        read_pair_table(folder)  # the numbers about the shard, written last, are there: it was finished
    (folder / "00001_stats.json").unlink()
    found = read_pair_table(folder)
    assert len(found.pairs) == SHARD_ROWS - 1 and found.rejects["reason"].tolist()[1:] == [UNFINISHED]
    table.unlink()
    found = read_pair_table(folder)
    assert found.rejects["reason"].tolist()[1:] == ([] if form == "parquet" else [UNFINISHED])


def test_a_picture_that_is_gone_is_one_row_with_its_reason(tmp_path, drawn):
    folder = fill(tmp_path / "out", "files", drawn)
    (folder / "00000" / "000000002.jpg").unlink()
    found = read_pair_table(folder)
    assert found.rejects["row"].tolist() == [3, *(number + 1 for number in MESSAGES)]
    assert found.rejects["reason"].tolist()[0] == images.MISSING
    assert len(found.pairs) + len(found.rejects) == NUM_ROWS


def test_what_cannot_be_read_at_all_is_refused_with_what_to_do(tmp_path, drawn):
    folder = fill(tmp_path / "out", "parquet", drawn)
    (folder / "00000.tfrecord").touch()
    with pytest.raises(PairsError, match="--output_format webdataset"):
        read_pair_table(folder)
    for one in folder.iterdir():
        if not one.name.endswith("_stats.json"):
            one.unlink()
    with pytest.raises(PairsError, match="a shard with its table"):
        read_pair_table(folder)
