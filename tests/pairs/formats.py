"""Writers of one small data set in every format, by the format's own library where there is one."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import datasets
import pandas as pd
import webdataset


@dataclass(frozen=True)
class Given:
    """A data set as a user would name it."""

    pairs: str
    images: str | None = None


Write = Callable[[Path, pd.DataFrame, Path], Given]
"""(empty folder, rows with image, caption and label, folder of the pictures) → the data set"""


def copied(folder: Path, names: pd.Series, pictures: Path) -> None:
    """The pictures under the same names in another folder, as files of their own."""
    for name in names.unique():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(pictures / name, folder / name)


def table(suffix: str) -> Write:
    """One table; its pictures elsewhere."""

    def write(folder: Path, rows: pd.DataFrame, pictures: Path) -> Given:
        path = folder / f"pairs{suffix}"
        if suffix == ".parquet":
            rows.to_parquet(path, index=False)
        elif suffix == ".jsonl":
            rows.to_json(path, orient="records", lines=True, force_ascii=False)
        else:
            rows.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
        return Given(str(path), str(pictures))

    return write


def table_beside(folder: Path, rows: pd.DataFrame, pictures: Path) -> Given:
    """A table in the folder of its pictures."""
    copied(folder, rows["image"], pictures)
    rows.to_csv(folder / "pairs.csv", index=False)
    return Given(str(folder / "pairs.csv"))


def shards(pattern: str) -> Write:
    """Several tables by a pattern; their columns stand in different orders."""

    def write(folder: Path, rows: pd.DataFrame, pictures: Path) -> Given:
        size = -(-len(rows) // 4)
        for number in range(4):
            part = rows.iloc[number * size : (number + 1) * size]
            part[list(rows.columns)[:: 1 if number % 2 else -1]].to_parquet(folder / f"part-{number:05d}.parquet")
        return Given(str(folder / pattern), str(pictures))

    return write


def image_folder(folder: Path, rows: pd.DataFrame, pictures: Path) -> Given:
    """A Hugging Face image folder."""
    copied(folder, rows["image"], pictures)
    named = rows.rename(columns={"image": "file_name", "caption": "text"})
    named.to_json(folder / "metadata.jsonl", orient="records", lines=True, force_ascii=False)
    return Given(str(folder))


def coco(folder: Path, rows: pd.DataFrame, pictures: Path) -> Given:
    """COCO captions in the folders of the original; labels as a further key."""
    copied(folder / "some2017", rows["image"], pictures)
    ids = {name: number for number, name in enumerate(rows["image"].unique(), 7)}
    values = {
        "images": [{"id": number, "file_name": name} for name, number in ids.items()],
        "annotations": [
            {"id": at, "image_id": ids[row.image], "caption": row.caption, "label": row.label}
            for at, row in enumerate(rows.itertuples())
        ],
    }
    path = folder / "annotations" / "captions_some2017.json"
    path.parent.mkdir()
    path.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
    return Given(str(path))


def tokens(folder: Path, rows: pd.DataFrame, pictures: Path) -> Given:
    """Flickr8k.token.txt with its folder of pictures beside it."""
    copied(folder / "Flicker8k_Dataset", rows["image"], pictures)
    number = rows.groupby("image").cumcount()
    lines = rows["image"] + "#" + number.astype(str) + "\t" + rows["caption"] + "\n"
    (folder / "Flickr8k.token.txt").write_text("".join(lines), encoding="utf-8")
    return Given(str(folder / "Flickr8k.token.txt"))


def piped(folder: Path, rows: pd.DataFrame, pictures: Path) -> Given:
    """results.csv of Flickr30k."""
    number = rows.groupby("image").cumcount().astype(str)
    lines = rows["image"] + "| " + number + "| " + rows["caption"] + "\n"
    (folder / "results.csv").write_text("image_name| comment_number| comment\n" + "".join(lines), encoding="utf-8")
    return Given(str(folder / "results.csv"), str(pictures))


def captions_txt(folder: Path, rows: pd.DataFrame, pictures: Path) -> Given:
    """captions.txt of Flickr8k on Kaggle."""
    copied(folder / "Images", rows["image"], pictures)
    rows[["image", "caption"]].to_csv(folder / "captions.txt", index=False)
    return Given(str(folder / "captions.txt"))


def shards_of_tar(folder: Path, rows: pd.DataFrame, pictures: Path) -> Given:
    """Shards of webdataset."""
    size = -(-len(rows) // 3)
    for number in range(3):
        with webdataset.TarWriter(str(folder / f"shard-{number:04d}.tar")) as tar:
            for at, row in enumerate(rows.iloc[number * size : (number + 1) * size].itertuples()):
                suffix = Path(row.image).suffix.removeprefix(".")
                picture = (pictures / row.image).read_bytes()
                tar.write({"__key__": f"{at:06d}", suffix: picture, "txt": row.caption, "json": {"label": row.label}})
    return Given(str(folder / "shard-{0000..0002}.tar"))


def img2dataset(folder: Path, rows: pd.DataFrame, pictures: Path) -> Given:
    """What img2dataset writes in its form webdataset: two shards with their tables."""
    size = -(-len(rows) // 2)
    for number in range(2):
        part = rows.iloc[number * size : (number + 1) * size]
        keys = [f"{number:05d}{at:04d}" for at in range(len(part))]
        table = part[["caption", "label"]].assign(key=keys, status="success", error_message=None, url="")
        table.to_parquet(folder / f"{number:05d}.parquet", index=False)
        (folder / f"{number:05d}_stats.json").write_text("{}")
        with webdataset.TarWriter(str(folder / f"{number:05d}.tar")) as tar:
            for key, image, caption in zip(keys, part["image"], part["caption"], strict=True):
                tar.write({"__key__": key, "jpg": (pictures / image).read_bytes(), "txt": caption})
    return Given(str(folder))


def data_set(rows: pd.DataFrame, pictures: Path) -> datasets.Dataset:
    """With the pictures' files inside."""
    texts = {name: datasets.Value("string") for name in ("caption", "label")}
    cells = [{"bytes": (pictures / name).read_bytes(), "path": name} for name in rows["image"]]
    values = {"image": cells, **{name: rows[name].tolist() for name in texts}}
    return datasets.Dataset.from_dict(values, datasets.Features({"image": datasets.Image(), **texts}))


def saved(folder: Path, rows: pd.DataFrame, pictures: Path) -> Given:
    """A data set that Hugging Face datasets saved."""
    data_set(rows, pictures).save_to_disk(folder / "saved", num_shards=2)
    return Given(str(folder / "saved"))


def hub_parquet(folder: Path, rows: pd.DataFrame, pictures: Path) -> Given:
    """Parquet files of the Hugging Face Hub, by a pattern."""
    for number in range(2):
        part = data_set(rows, pictures).shard(2, number, contiguous=True)
        part.to_parquet(folder / f"train-{number:05d}-of-00002.parquet")
    return Given(str(folder / "train-*.parquet"))


FORMATS: dict[str, Write] = {
    **{suffix: table(suffix) for suffix in (".csv", ".tsv", ".jsonl", ".parquet")},
    "a table beside its pictures": table_beside,
    "several files by a pattern": shards("part-*.parquet"),
    "several files by a range": shards("part-{00000..00003}.parquet"),
    "Hugging Face image folder": image_folder,
    "COCO captions": coco,
    "webdataset": shards_of_tar,
    "img2dataset": img2dataset,
    "Hugging Face data set": saved,
    "Parquet with pictures": hub_parquet,
    "Flickr8k tokens": tokens,
    "Flickr30k results": piped,
    "Flickr8k of Kaggle": captions_txt,
}
WITHOUT_LABELS = {"Flickr8k tokens", "Flickr30k results", "Flickr8k of Kaggle"}
