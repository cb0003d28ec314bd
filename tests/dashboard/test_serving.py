"""Starting the server: localhost only, the next free port, settings that hold in any folder, a clean end."""

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from dashboard import __main__
from dashboard.__main__ import _environment, _options, config_flags, free_port, is_local, own_url

ROOT = Path(__file__).resolve().parents[2]


def test_the_next_free_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = taken.getsockname()[1]
        found = free_port("localhost", port)
    assert found is not None and port < found < port + 20


@pytest.mark.parametrize(
    ("address", "local"),
    [("localhost", True), ("127.0.0.1", True), ("::1", True), ("0.0.0.0", False), ("example.org", False)],  # noqa: S104
)
def test_only_loopback_addresses_are_local(address: str, local: bool) -> None:
    assert is_local(address) is local


def test_an_allowed_host_is_a_name_and_what_is_none_is_refused_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert _options(["--allowed-host", "Pairs.example.org:443"]).allowed_host == ["pairs.example.org"]
    with pytest.raises(SystemExit):
        _options(["--allowed-host", "https://pairs.example.org"])
    assert "without https://" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "url"),
    [("localhost", "http://localhost:8501"), ("127.0.0.1", "http://127.0.0.1:8501"), ("::1", "http://[::1]:8501"),
     ("0.0.0.0", "http://localhost:8501"), ("::", "http://localhost:8501"),  # noqa: S104
     ("192.0.2.1", "http://192.0.2.1:8501")],
)  # fmt: skip
def test_the_address_that_is_printed_is_one_that_answers(address: str, url: str) -> None:
    assert own_url(address, 8501) == url


def test_a_browser_is_opened_at_the_address_that_the_server_listens_on(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(__main__.webbrowser, "open", opened.append)
    with socket.socket() as server:
        server.bind(("127.0.0.2", 0))  # nobody listens on 127.0.0.1
        server.listen()
        url = own_url("127.0.0.2", server.getsockname()[1])
        __main__._open_when_ready(url)
    assert opened == [url]


def test_the_settings_are_passed_as_flags() -> None:
    flags = list(config_flags(ROOT / ".streamlit" / "config.toml"))
    assert "--browser.gatherUsageStats=false" in flags
    assert "--client.disableDataExport=true" in flags
    assert any(flag.startswith("--theme.dark.primaryColor=#") for flag in flags)


def test_what_keeps_strangers_out_holds_in_any_folder() -> None:
    flags = set(config_flags(ROOT / ".streamlit" / "config.toml"))
    on = {"server.enableCORS", "server.enableXsrfProtection", "server.headless", "client.disableDataExport"}
    off = {"server.enableStaticServing", "server.enableAgentApi", "browser.gatherUsageStats"}
    expected = {f"--{name}=true" for name in on} | {f"--{name}=false" for name in off}
    assert expected | {"--server.address=localhost", "--server.maxUploadSize=20"} <= flags


@pytest.mark.parametrize(
    ("given", "local"),
    [([], "1"), (["--host", "0.0.0.0"], "0"), (["--allowed-host", "pairs.example.org"], "0")],  # noqa: S104
)
def test_pages_that_others_can_reach_start_no_runs_and_read_no_paths(given: list[str], local: str) -> None:
    assert _environment(_options(given), has_login=False)["ECIF_LOCAL"] == local
    assert _environment(_options(given), has_login=True)["ECIF_LOCAL"] == "0"


def test_the_dashboard_serves_from_any_folder_and_ends_when_asked(tmp_path: Path) -> None:
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text("[browser]\ngatherUsageStats = true\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard", "--runs", str(tmp_path), "--port", "8800", "--no-browser"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    url = process.stdout.readline().split()[1]
    assert url.startswith("http://localhost:88")
    for _ in range(100):
        try:
            answer = urllib.request.urlopen(url, timeout=1)  # noqa: S310
            break
        except OSError:
            time.sleep(0.2)
    assert answer.status == 200 and b"streamlit" in answer.read().lower()
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    process.stdout.close()


def test_the_command_takes_its_server_along_when_it_is_ended(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "engine", "dashboard", str(tmp_path), "--port", "8850", "--no-browser"],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    port = int(process.stdout.readline().split()[1].rsplit(":", 1)[1])
    for _ in range(100):
        if answers(port):
            break
        time.sleep(0.2)
    assert answers(port)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    process.stdout.close()
    assert not answers(port)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_machine_without_a_free_port_gets_a_sentence(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "dashboard", "--runs", str(tmp_path), "--address", "192.0.2.1", "--no-browser"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1
    assert "Expected a free port" in found.stderr and "--port" in found.stderr
