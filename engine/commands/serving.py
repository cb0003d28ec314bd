"""Starting the dashboard as a process of its own: the engine never imports it."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys

from engine.commands.decisions import decisions_option

DEFAULT_RUNS = "ecif_runs"
STOPPED = (0, -signal.SIGTERM, -signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGINT)


def serving_options(parser: argparse.ArgumentParser) -> None:
    """Where the dashboard listens, and where decisions are kept."""
    parser.add_argument("--port", type=int, default=8501, help="first port tried (default %(default)s)")
    parser.add_argument(
        "--address",
        "--host",
        default="localhost",
        help="address to listen on; any other than the default lets other machines in (default %(default)s)",
    )
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name the dashboard is reached by, besides localhost and numbers; may be repeated",
    )
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="FOLDER",
        help="show pictures of this folder at full size for runs that were computed elsewhere; may be repeated",
    )
    decisions_option(parser)
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser window")


def serve(options: argparse.Namespace, runs: str) -> int:
    """Serve a folder of runs until it is stopped; 0 if a person stopped it."""
    command = [sys.executable, "-m", "dashboard", "--runs", runs]
    command += ["--port", str(options.port), "--address", options.address]
    command += ["--decisions", options.decisions] if options.decisions else []
    command += [f"--allowed-host={one}" for one in options.allowed_host]
    command += [f"--data={one}" for one in options.data]
    command += ["--no-browser"] if options.no_browser else []
    server = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    try:
        code = server.wait()
    except KeyboardInterrupt:  # Ctrl+C reached the server as well
        code = server.wait()
    return 0 if code in STOPPED else code
