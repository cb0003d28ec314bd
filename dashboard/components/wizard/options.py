"""One widget per option of `ecif run`, made from the configuration itself: its text, its type, its default."""

from __future__ import annotations

import dataclasses
from typing import Any

import streamlit as st

from engine.config import (
    CURVATURES,
    DERIVATIVES,
    DEVICES,
    DTYPES,
    LOSSES,
    NEGATIVE_TERMS,
    TRACE_ROLES,
    RunConfig,
    help_of,
)

PREFIX = "wizard_option_"
KEPT = "wizard_kept"
CHOICES = {
    "loss": LOSSES,
    "curvature": CURVATURES,
    "negative_term": NEGATIVE_TERMS,
    "trace_role": TRACE_ROLES,
    "dtype": DTYPES,
    "device": DEVICES,
    "derivative": DERIVATIVES,
}
FOLDED = {
    "Data": ("validation", "test", "classes", "templates", "batches", "name"),
    "Scores": (
        "curvature", "damping", "relative_damping", "curvature_pairs", "segmentations", "negative_term", "sketches",
        "log_logit_scale", "trace_role", "trace_depth", "trace_queries", "cg_tolerance", "cg_iterations",
    ),
    "Finding wrong pairs": ("folds", "cleaning_rounds", "detection_seeds", "cross_fit"),
    "Machine": ("device", "dtype", "derivative", "chunk_size", "seed", "executor", "workers"),
}  # fmt: skip
"""what few people change, by group; the rest has a place of its own"""
FIELDS = {one.name: one for one in dataclasses.fields(RunConfig)}
NUMBERS = {"int": int, "int | None": int, "float | None": float}


def label_of(name: str) -> str:
    """An option's name in words."""
    return name.replace("_", " ").capitalize()


def option(name: str, label: str | None = None) -> Any:
    """Ask for one option; its value as the configuration takes it, None for nothing given."""
    one, kind = FIELDS[name], str(FIELDS[name].type)
    label, asked = label or label_of(name), {"key": remembered(name, _as_shown(one.default)), "help": help_of(name)}
    if name in CHOICES:
        value = st.selectbox(label, CHOICES[name], **asked)
    elif kind == "bool":
        value = st.checkbox(label, **asked)
    elif kind in NUMBERS and one.default is None:
        number = {"min_value": 1, "step": 1} if NUMBERS[kind] is int else {"min_value": 0.0, "format": "%.4g"}
        value = st.number_input(label, value=None, placeholder="default", **number, **asked)
    elif kind in NUMBERS:
        value = st.number_input(label, min_value=0, step=1, **asked)
    elif kind.startswith("tuple"):
        value = st.text_area(label, height=110, **asked)
    else:
        value = st.text_input(label, **asked)
    remember(name, value)
    if kind.startswith("tuple"):
        return tuple(line.strip() for line in value.split("\n") if line.strip())
    return value.strip() or None if isinstance(value, str) else value


def remembered(name: str, default: Any) -> str:
    """The key of a widget, filled with what was in it when its page was left."""
    key = PREFIX + name
    st.session_state.setdefault(key, st.session_state.setdefault(KEPT, {}).get(name, default))
    return key


def remember(name: str, value: Any) -> None:
    """Keep what is in a widget: Streamlit forgets it when its page is left."""
    st.session_state[KEPT][name] = value


def fill_in(config: RunConfig) -> None:
    """Put a configuration into the widgets, before they are drawn."""
    for name in FIELDS:
        st.session_state[PREFIX + name] = _as_shown(getattr(config, name))


def empty_option(name: str) -> None:
    """Take out what is in a text widget, before it is drawn."""
    st.session_state[PREFIX + name] = st.session_state[KEPT][name] = ""


def _as_shown(value: Any) -> Any:
    """A value as its widget holds it; a required option has none yet."""
    if isinstance(value, tuple):
        return "\n".join(value)
    return "" if value is dataclasses.MISSING else value


def folded_options() -> dict[str, Any]:
    """Everything that few people change, folded away; values by name."""
    values = {}
    with st.expander("More options", icon=":material/tune:"):
        for place, (title, names) in zip(st.tabs(list(FOLDED)), FOLDED.items(), strict=True):
            with place:
                columns = st.columns(3)
                for number, name in enumerate(names):
                    with columns[number % 3]:
                        values[name] = option(name)
                if title == "Data":
                    st.caption("Paths are those of the machine the dashboard runs on.")
    return values
