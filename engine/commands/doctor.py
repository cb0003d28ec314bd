"""`ecif doctor`."""

from __future__ import annotations

import argparse

NAME = "doctor"
HELP = "device, versions, and what is missing"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    del parser  # it has none


def main(options: argparse.Namespace) -> int:
    """Print the machine and what is missing; 1 if something is."""
    from engine.doctor import print_doctor

    return print_doctor()
