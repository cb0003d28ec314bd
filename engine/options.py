"""Command-line options from the fields of a configuration: name, type and help text are said once."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

FLAGS = {"templates": "--template"}
TYPES = {"int": int, "int | None": int, "float": float, "float | None": float, "tuple[float, ...]": float}


def field_options(parser: argparse.ArgumentParser, configuration: type) -> None:
    """Add one option per field of a dataclass; only what is given is kept, so a file can be overridden."""
    for one in dataclasses.fields(configuration):
        name, kind = one.name, str(one.type)
        kwargs: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS, "help": one.metadata["help"]}
        if one.default is not dataclasses.MISSING and one.default not in (None, False, ()) and name != "templates":
            shown = " ".join(map(str, one.default)) if isinstance(one.default, tuple) else one.default
            kwargs["help"] = f"{kwargs['help']} (default {shown})"
        if kind == "bool":
            kwargs["action"] = "store_true"
        elif name in FLAGS:
            kwargs["action"] = "append"
        elif kind.startswith("tuple"):
            kwargs |= {"nargs": "+", "type": TYPES.get(kind, str)}
        else:
            kwargs["type"] = TYPES.get(kind, str)
        parser.add_argument(FLAGS.get(name, "--" + name.replace("_", "-")), **kwargs)


def given_options(options: argparse.Namespace, configuration: type) -> dict[str, Any]:
    """The fields of a dataclass that were given on the command line."""
    names = {one.name for one in dataclasses.fields(configuration)}
    return {name: value for name, value in vars(options).items() if name in names}
