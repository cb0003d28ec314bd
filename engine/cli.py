"""The `ecif` command: parse, call, print. Torch is imported only by the commands that compute."""

from __future__ import annotations

import argparse
import os

from rich.console import Console

import engine
from engine.commands import COMMANDS
from engine.errors import EcifError
from engine.memory import memory_errors

ENVIRONMENT = {
    # Threads that spin while they wait slow everything down when the dashboard or another run shares the cores.
    "OMP_WAIT_POLICY": "PASSIVE",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 if it did what it says, 1 on an error a person can mend, 130 when interrupted."""
    console = Console(stderr=True)
    options = _parser().parse_args(arguments)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        with memory_errors():
            return options.command.main(options) or 0
    except EcifError as error:
        console.print(f"[bold red]ecif {options.command.NAME}:[/] ", end="")
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped. The same command resumes where it was.")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ecif", description="Find the image–caption pairs that make a CLIP-style model wrong."
    )
    parser.add_argument("--version", action="version", version=f"ecif {engine.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        one = commands.add_parser(command.NAME, help=command.HELP, description=f"{_sentence(command.HELP)}.")
        one.set_defaults(command=command)
        command.add_options(one)
    return parser


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
