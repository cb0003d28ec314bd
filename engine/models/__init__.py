"""Models: one interface, its adapters, and the choice between them.

`--model` is `hf:NAME_OR_FOLDER`, `open_clip:NAME[/TAG]`, `open_clip:FOLDER`, `embeddings:FOLDER`, or a bare folder.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import ModelError

if TYPE_CHECKING:
    import torch

    from engine.models.embeddings import GivenFeatures
    from engine.models.interface import DualEncoder

HASHED = (".json", ".safetensors", ".txt", ".npy", ".parquet")
"""suffixes of configurations, weights, vocabularies and features"""


def load_model(spec: str, device: torch.device, dtype: torch.dtype) -> DualEncoder | GivenFeatures:
    """Load the model that `spec` names.

    Raises:
        ModelError: if nothing like it is there, or its weights cannot be read.
    """
    kind, source = split_spec(spec)
    if kind == "hf":
        from engine.models.transformers_clip import TransformersDualEncoder

        return TransformersDualEncoder(source, device, dtype)
    if kind == "embeddings":
        from engine.models.embeddings import GivenFeatures

        return GivenFeatures(source, device, dtype)
    from engine.models.open_clip_model import OpenClipDualEncoder

    return OpenClipDualEncoder(source, device, dtype)


def split_spec(spec: str) -> tuple[str, str]:
    """("hf" | "open_clip" | "embeddings", source) of a model specification; imports no torch.

    Raises:
        ModelError: if the specification names no kind and is no recognisable folder.
    """
    kind, colon, source = spec.partition(":")
    if colon and kind in ("hf", "open_clip", "embeddings"):
        if not source:
            raise ModelError(f"a name or folder after {kind}:", "nothing", "Write e.g. hf:FOLDER.")
        return kind, source
    folder = Path(spec)
    if (folder / "img_emb").is_dir():  # before config.json, which such a folder may have as well
        return "embeddings", spec
    if (folder / "open_clip_config.json").is_file():
        return "open_clip", spec
    if (folder / "config.json").is_file():
        return "hf", spec
    if folder.is_dir():
        raise ModelError(
            "a model folder with config.json or open_clip_config.json, or a folder of features with img_emb",
            f"{spec} without either",
            "Point --model at the folder that save_pretrained wrote.",
        )
    raise ModelError(
        "a model folder, hf:NAME_OR_FOLDER, open_clip:NAME[/TAG] or embeddings:FOLDER",
        repr(spec),
        "Check the path or add the prefix.",
    )


def model_hash(spec: str, adapter: str | None = None) -> str:
    """SHA-256 over the files of a local model folder and of an adapter; of the specification where there is none."""
    kind, source = split_spec(spec)
    digest = hashlib.sha256(kind.encode())
    if Path(source).is_dir():
        _add_files(digest, Path(source))
    else:
        digest.update(spec.encode())
    if adapter is not None:
        _add_files(digest, Path(adapter))
    return digest.hexdigest()


def _add_files(digest: hashlib._Hash, folder: Path) -> None:
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix in HASHED):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
