"""The data set as a list of records, with errors planted in the train split and written down."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from captions import caption, short_caption
from vocabulary import CLASSES, COLOURS, KINDS, Scene, draw_scene

SEED = 20_26
NUM_PAIRS = {"train": 1200, "validation": 300, "test": 300}
CLUSTER_WRONG, CLUSTER_RIGHT = 28, 14
"""train pairs of each confusion's cluster with the sibling's caption, and with their own"""
CLUSTER_HELD_OUT = {"validation": 6, "test": 10}
SHORT = 0.75
"""share of short captions among the confusions' wrong ones: where a caption says little else, the kind counts"""
COUNTS = {"shuffled": 56, "near_miss_colour": 16, "near_miss_count": 15, "near_miss_sibling": 15,
          "false_negative": 22, "exact_duplicate": 14, "near_duplicate": 20}  # fmt: skip
ODD = ("unreadable_image", "empty_caption", "markup_caption", "formula_caption")
"""one train pair of each"""
MARKUP = "<script>alert(1)</script> **bold** <img src=x onerror=alert(2)> [link](javascript:alert(3)) {}"
FORMULA = '=HYPERLINK("https://example.invalid","{}")'


@dataclass(frozen=True)
class Confusion:
    """A cluster of pictures whose captions mostly name the sibling class."""

    name: str
    kind: str
    fixed: dict[str, object]
    """fields of `Scene` that make the cluster, with their values"""

    def holds(self, scene: Scene) -> bool:
        """Whether a scene is in the cluster."""
        return scene.kind == self.kind and all(getattr(scene, name) == value for name, value in self.fixed.items())


CONFUSIONS = (
    Confusion("white_fox_in_snow_as_cat", "fox", {"place": "snow", "colour": "white", "count": 1}),
    Confusion("boat_on_lake_at_night_as_duck", "boat", {"place": "lake", "time": "night", "count": 1}),
    Confusion("yellow_pear_on_beach_as_apple", "pear", {"place": "beach", "colour": "yellow", "count": 1}),
    Confusion("red_bus_in_fog_as_car", "bus", {"weather": "fog", "colour": "red", "count": 1}),
)


@dataclass
class Record:
    """One pair, and what was done to it."""

    split: str
    scene: Scene
    """what the picture holds"""
    image_seed: int
    true_caption: str
    caption: str
    label: str
    """the class that the caption names"""
    error_kind: str = ""
    """empty: nothing was planted"""
    confusion: str = ""
    copy_of: Record | None = None
    pair_id: str = ""


def plant(seed: int = SEED) -> list[Record]:
    """All records, in table order: train, validation, test.

    Args:
        seed: decides everything.
    """
    rng = random.Random(seed)
    everyone: list[Record] = []
    for split, size in NUM_PAIRS.items():
        records = _train(rng, size) if split == "train" else _held_out(rng, split, size)
        rng.shuffle(records)
        for number, record in enumerate(records, 1):
            record.pair_id = f"{split}-{number:04d}"
        everyone += records
    return everyone


def _clean(rng: random.Random, split: str, scene: Scene, full: bool = False) -> Record:
    text = caption(scene, rng, full)
    return Record(split, scene, rng.randrange(2**31), text, text, scene.kind)


def _outside(rng: random.Random, kind: str) -> Scene:
    """A scene that is in no confusion's cluster."""
    while True:
        scene = draw_scene(rng, kind=kind)
        if not any(confusion.holds(scene) for confusion in CONFUSIONS):
            return scene


def _inside(rng: random.Random, confusion: Confusion) -> Scene:
    return draw_scene(rng, kind=confusion.kind, **confusion.fixed)


def _held_out(rng: random.Random, split: str, size: int) -> list[Record]:
    records = []
    for confusion in CONFUSIONS:
        for _ in range(CLUSTER_HELD_OUT[split]):
            record = _clean(rng, split, _inside(rng, confusion))
            if split == "test":
                record.error_kind, record.confusion = "confusion_target", confusion.name
            records.append(record)
    rest = size - len(records)
    return records + [_clean(rng, split, _outside(rng, CLASSES[k % len(CLASSES)])) for k in range(rest)]


def _train(rng: random.Random, size: int) -> list[Record]:
    cluster = [record for confusion in CONFUSIONS for record in _cluster(rng, confusion)]
    copies = sum(COUNTS[kind] for kind in ("false_negative", "exact_duplicate", "near_duplicate"))
    rest = size - len(cluster) - copies
    plain = [_clean(rng, "train", _outside(rng, CLASSES[k % len(CLASSES)])) for k in range(rest)]
    untouched = plain.copy()
    rng.shuffle(untouched)

    def take(count: int) -> list[Record]:
        taken = untouched[:count]
        del untouched[:count]
        return taken

    _shuffle_captions(take(COUNTS["shuffled"]))
    for kind in ("near_miss_colour", "near_miss_count", "near_miss_sibling"):
        for record in take(COUNTS[kind]):
            _miss(rng, record, kind)
    for kind, record in zip(ODD, take(len(ODD)), strict=True):
        _make_odd(record, kind)
    twins = [_twin(rng, record) for record in take(COUNTS["false_negative"])]
    exact = [_copy(rng, record, "exact_duplicate") for record in take(COUNTS["exact_duplicate"])]
    near = [_copy(rng, record, "near_duplicate") for record in take(COUNTS["near_duplicate"])]
    return [*cluster, *plain, *twins, *exact, *near]


def _cluster(rng: random.Random, confusion: Confusion) -> list[Record]:
    records = [_clean(rng, "train", _inside(rng, confusion)) for _ in range(CLUSTER_RIGHT)]
    for _ in range(CLUSTER_WRONG):
        record = _clean(rng, "train", _inside(rng, confusion))
        _recaption(rng, record, kind=KINDS[confusion.kind].sibling)
        record.error_kind, record.confusion = "confusion", confusion.name
        records.append(record)
    return records


def _recaption(rng: random.Random, record: Record, **change: object) -> None:
    """Caption the record as if the scene were changed, in the same words; the two captions differ."""
    changed, inside = replace(record.scene, **change), any(c.holds(record.scene) for c in CONFUSIONS)
    write = short_caption if inside and rng.random() < SHORT else caption
    while True:
        seed = rng.randrange(2**31)
        record.true_caption = write(record.scene, random.Random(seed))
        record.caption, record.label = write(changed, random.Random(seed)), changed.kind
        if record.caption != record.true_caption:
            return


def _shuffle_captions(records: list[Record]) -> None:
    """Hand every caption on to a picture of another, unrelated class."""
    ordered = sorted(records, key=lambda r: CLASSES.index(r.scene.kind))
    half = len(ordered) // 2
    for record, source in zip(ordered, ordered[half:] + ordered[:half], strict=True):
        record.caption, record.label, record.error_kind = source.true_caption, source.scene.kind, "shuffled"


def _miss(rng: random.Random, record: Record, kind: str) -> None:
    scene = record.scene
    if kind == "near_miss_colour":
        change = {"colour": rng.choice([c for c in KINDS[scene.kind].colours if c != scene.colour and c in COLOURS])}
    elif kind == "near_miss_count":
        change = {"count": rng.choice([n for n in (1, 2, 3, 4) if n != scene.count])}
    else:
        change = {"kind": KINDS[scene.kind].sibling}
    _recaption(rng, record, **change)
    record.error_kind = kind


def _make_odd(record: Record, kind: str) -> None:
    record.error_kind = kind
    if kind == "empty_caption":
        record.caption = ""
    elif kind == "markup_caption":
        record.caption = MARKUP.format(record.true_caption)
    elif kind == "formula_caption":
        record.caption = FORMULA.format(record.true_caption)


def _twin(rng: random.Random, record: Record) -> Record:
    """Another picture of the same scene with a caption that says the same: no negative of the first."""
    record.true_caption = record.caption = caption(record.scene, rng, full=True)
    twin = _clean(rng, "train", record.scene, full=True)
    twin.error_kind, twin.copy_of = "false_negative", record
    return twin


def _copy(rng: random.Random, record: Record, kind: str) -> Record:
    text = caption(record.scene, rng) if kind == "near_duplicate" and rng.random() < 0.5 else record.caption
    return replace(record, true_caption=text, caption=text, error_kind=kind, copy_of=record)
