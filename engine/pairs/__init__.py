"""Reading and checking image–caption data sets: pairs, rejects with reasons, stable ids, thumbnails. No torch."""

from engine.pairs.check import PairsCheck, check_pairs, read_check, write_check
from engine.pairs.duplicates import duplicate_groups
from engine.pairs.images import RejectedImage
from engine.pairs.oddities import caption_oddities
from engine.pairs.pair_set import PairSet
from engine.pairs.pictures import check_picture, open_picture, picture_bytes, reading_order
from engine.pairs.reading import ReadOptions
from engine.pairs.splits import load_data_set, read_pair_table

__all__ = [
    # data sets
    "load_data_set",
    "read_pair_table",
    "ReadOptions",
    "PairSet",
    # what is in a table, before a run
    "check_pairs",
    "PairsCheck",
    "write_check",
    "read_check",
    # single pictures
    "open_picture",
    "picture_bytes",
    "check_picture",
    "reading_order",
    "RejectedImage",
    # between pairs
    "duplicate_groups",
    "caption_oddities",
]
