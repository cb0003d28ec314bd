"""Step 2: the model, what of it was trained, and every other option of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.components.wizard.options import folded_options, option, remember, remembered
from dashboard.places import runs_dir
from engine.config import RunConfig, help_of
from engine.errors import ConfigError, EcifError
from engine.estimates import megabytes
from engine.models import split_spec

NAMED_TIERS = {
    "heads": "The projection heads (quick)",
    "lora": "A LoRA adapter",
    "all": "All weights (slow)",
    "pattern": "Some weights, by name",
}
KINDS = {
    "hf": "a transformers model",
    "open_clip": "an open_clip model",
    "embeddings": "given features: nothing is embedded, and only the heads can be studied",
}
WEIGHTS = (".safetensors", ".npy")


def model_step(data: dict[str, Any]) -> RunConfig | None:
    """Ask for model and options; the configuration, or None and a sentence on the page while it cannot run.

    Args:
        data: the options that name the data.
    """
    left, right = st.columns(2)
    with left:
        model = option("model")
    with right:
        tier = st.selectbox("What was trained", list(NAMED_TIERS), format_func=NAMED_TIERS.get,
                            key=remembered("tier", "heads"), help=help_of("tier"))  # fmt: skip
    remember("tier", tier)
    if tier in ("lora", "all", "pattern"):
        with left:
            adapter = option("adapter", "Adapter" if tier == "lora" else "Adapter, if there is one")
    else:
        adapter = None
    if tier == "pattern":
        with right:
            tier = st.text_input("Names of the weights", key=remembered("pattern", ""),
                                 placeholder=r"visual\.proj|text_projection",
                                 help="A regular expression over parameter names.")  # fmt: skip
        remember("pattern", tier)
    with left:
        loss = option("loss", "Training loss")
    with right:
        batch_size = option("batch_size")
    values = {**folded_options(), "adapter": adapter, "loss": loss, "batch_size": batch_size}
    if not model:
        st.caption("A folder that save_pretrained wrote, an open_clip folder, or open_clip:NAME/TAG.")
        return None
    return _configuration(model, tier, {**data, **values})


def _configuration(model: str, tier: str, values: dict[str, Any]) -> RunConfig | None:
    try:
        kind, source = split_spec(model)
        if not tier:
            raise ConfigError(
                "the names of the weights to study",
                "none",
                r"Write them as a regular expression, for example visual\.proj.",
            )
        config = RunConfig(model=model, tier=tier, out=str(runs_dir()), **values)
    except EcifError as error:
        st.warning("This cannot run yet.", icon=":material/error:")
        st.text(str(error))
        return None
    if kind == "embeddings" and config.tier != "heads":
        st.warning("Given features have no encoder: only the heads can be studied.", icon=":material/error:")
        return None
    st.text(f"This is {KINDS[kind]}{_weights(Path(source))}.")
    return config


def _weights(folder: Path) -> str:
    """Whether the weights lie on this machine, as the end of a sentence."""
    if not folder.is_dir():
        return ", by its name: its weights are in the cache of this machine, or have to be downloaded"
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.suffix in WEIGHTS and path.is_file()]
    return f", {megabytes(sum(sizes))} on this machine" if sizes else ", but no .safetensors weights are in its folder"
