"""The formats by the names people type. A new one is one new file and one line here."""

from engine.review.exports.cleaned import CleanedExport
from engine.review.exports.coco import CocoExport
from engine.review.exports.csv import CsvExport
from engine.review.exports.drop_list import DropListExport
from engine.review.exports.image_folder import ImageFolderExport
from engine.review.exports.interface import Exporter
from engine.review.exports.jsonl import JsonLinesExport
from engine.review.exports.label_studio import LabelStudioExport
from engine.review.exports.parquet import ParquetExport
from engine.review.exports.relabel_list import RelabelListExport
from engine.review.exports.webdataset import WebDatasetExclusions

EXPORTS: dict[str, Exporter] = {
    "csv": CsvExport(),
    "jsonl": JsonLinesExport(),
    "parquet": ParquetExport(),
    "relabel": RelabelListExport(),
    "drop": DropListExport(),
    "cleaned": CleanedExport(),
    "hf": ImageFolderExport(),
    "coco": CocoExport(),
    "webdataset-exclusions": WebDatasetExclusions(),
    "label-studio": LabelStudioExport(),
}
