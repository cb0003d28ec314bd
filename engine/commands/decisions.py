"""The decision store that a command reads."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from engine.runs import RunFolder

if TYPE_CHECKING:
    from engine.review import DecisionStore


def decisions_option(parser: argparse.ArgumentParser) -> None:
    """Where decisions are kept."""
    parser.add_argument(
        "--decisions", help="SQLAlchemy URL or file (default $ECIF_DECISIONS, else decisions.sqlite beside the runs)"
    )


def decision_store(options: argparse.Namespace, folder: RunFolder) -> DecisionStore:
    """The store that the options name, or the one beside the runs."""
    from engine.review import DecisionStore

    return DecisionStore.open(
        options.decisions or os.environ.get("ECIF_DECISIONS") or folder.path.parent / "decisions.sqlite"
    )
