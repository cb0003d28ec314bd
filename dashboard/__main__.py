"""`python -m dashboard`: serve the pages on localhost, on the first free port, and open a browser."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import ipaddress
import os
import socket
import sys
import threading
import time
import tomllib
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from dashboard.doors import host_name
from dashboard.people import LOGIN, check_login, read_secrets
from engine.errors import ConfigError, EcifError

HERE = Path(__file__).resolve().parent
OPEN_TO_ALL = (
    "Warning: anyone who can reach this address sees every picture and caption and can decide on pairs, because no "
    'login is set up; README, "Showing it to others safely", says how.'
)
EVERY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104
PORTS_TRIED = 20
OPEN_AFTER_SECONDS = 30


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped; 1 if no port is free or the login cannot work as it is set up."""
    options = _options(arguments)
    port = free_port(options.address, options.port)
    if port is None:
        print(
            f"Expected a free port from {options.port} to {options.port + PORTS_TRIED - 1} at {options.address}, "
            "got none. Choose another with --port.",
            file=sys.stderr,
        )
        return 1
    try:
        has_login = check_login(read_secrets(_secret_files()))
        _check_login_parts(has_login)
    except EcifError as error:
        print(error, file=sys.stderr)
        return 1
    os.environ.update(_environment(options, has_login))
    sys.path.insert(0, str(HERE.parent))
    url = own_url(options.address, port)
    print(f"Dashboard: {url}   (Ctrl+C stops it)", flush=True)
    if not is_local(options.address) and not has_login:
        print(OPEN_TO_ALL, file=sys.stderr, flush=True)
    if not options.no_browser:
        threading.Thread(target=_open_when_ready, args=(url,), daemon=True).start()
    return _serve(options.address, port, options.allowed_host)


def free_port(address: str, first: int) -> int | None:
    """The first port from `first` on that nobody listens on at `address`; None if none of twenty is free."""
    for port in range(first, min(first + PORTS_TRIED, 65536)):
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
    return None


def is_local(address: str) -> bool:
    """Whether only this machine can reach `address`."""
    try:
        return address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def own_url(address: str, port: int) -> str:
    """Where a browser on this machine finds a server that listens on `address`."""
    if address in EVERY_ADDRESS:
        address = "localhost"
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def config_flags(path: Path) -> Iterator[str]:
    """The settings of a Streamlit configuration file as flags, so that they hold in any working directory."""

    def walk(prefix: str, values: dict[str, object]) -> Iterator[str]:
        for name, value in values.items():
            if isinstance(value, dict):
                yield from walk(f"{prefix}{name}.", value)
            else:
                yield f"--{prefix}{name}={str(value).lower() if isinstance(value, bool) else value}"

    yield from walk("", tomllib.loads(path.read_text(encoding="utf-8")))


def _environment(options: argparse.Namespace, has_login: bool) -> dict[str, str]:
    """What the pages are told."""
    runs = Path(options.runs).resolve()
    others_come = has_login or options.allowed_host or not is_local(options.address)
    return {
        "ECIF_RUNS_DIR": str(runs),
        "ECIF_DECISIONS": options.decisions or os.environ.get("ECIF_DECISIONS") or str(runs / "decisions.sqlite"),
        "ECIF_LOCAL": "0" if others_come else "1",
        "ECIF_ALLOWED_HOSTS": ",".join(options.allowed_host),
        "ECIF_DATA": os.pathsep.join(str(Path(one).resolve()) for one in options.data),
        LOGIN: "1" if has_login else "0",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")])),
    }


def _secret_files() -> list[str]:
    """Where Streamlit looks for `secrets.toml`, the last one first in right."""
    from streamlit.config import get_config_files

    return [*get_config_files("secrets.toml"), str(HERE / ".streamlit" / "secrets.toml")]


def _check_login_parts(has_login: bool) -> None:
    """Refuse a login whose library is not installed, before the first visitor finds out.

    Raises:
        ConfigError: if it is not.
    """
    if has_login and importlib.util.find_spec("authlib") is None:
        raise ConfigError(
            "the library that Streamlit's login needs", "none", "Install it with `pip install 'ecif-dashboard[login]'`."
        )


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dashboard", description="Serve the ECIF dashboard.")
    parser.add_argument("--runs", default="ecif_runs", help="folder of runs (default %(default)s)")
    parser.add_argument("--port", type=int, default=8501, help="first port tried (default %(default)s)")
    parser.add_argument("--address", "--host", default="localhost", help="address to listen on (default %(default)s)")
    parser.add_argument(
        "--allowed-host", action="append", default=[], type=_host, help="another name this server is known by"
    )
    parser.add_argument("--data", action="append", default=[], help="folder whose pictures may be shown")
    parser.add_argument("--decisions", help="SQLAlchemy URL or file (default decisions.sqlite in the folder of runs)")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser window")
    return parser.parse_args(arguments)


def _host(text: str) -> str:
    name = host_name(text)
    if name is None:
        raise argparse.ArgumentTypeError(f"expected a name such as pairs.example.org, without https://, got {text!r}")
    return name


def _serve(address: str, port: int, allowed_hosts: list[str]) -> int:
    from streamlit.web import cli

    installed, checkout = HERE / "streamlit.toml", HERE.parent / ".streamlit" / "config.toml"
    flags = list(config_flags(installed if installed.is_file() else checkout))
    flags = [flag for flag in flags if not flag.startswith(("--server.address", "--server.port"))]
    flags += [f"--server.address={address}", f"--server.port={port}", *_origin_flags(allowed_hosts)]
    result = cli.main(["run", str(HERE / "server.py"), *flags], standalone_mode=False)
    return int(result or 0)


def _origin_flags(allowed_hosts: list[str]) -> list[str]:
    """Let Streamlit take pages of these hosts too, also behind a proxy that passes its own Host header on.

    With a serverAddress it does so before it asks another machine for this one's address.
    """
    flags = [f"--server.corsAllowedOrigins=https://{host}" for host in allowed_hosts]
    return [f"--browser.serverAddress={allowed_hosts[0]}", *flags] if flags else []


def _open_when_ready(url: str) -> None:
    parts, until = urlsplit(url), time.monotonic() + OPEN_AFTER_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            socket.create_connection((parts.hostname, parts.port), timeout=0.5).close()
            webbrowser.open(url)
            return
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
