"""Processes that pages start, found again and ended."""

import signal
import subprocess
import sys

import pytest

from dashboard.processes import end
from engine.processes import at_work, birth

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"


@pytest.fixture
def process():
    started = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE)
    started.stdout.readline()
    yield started
    started.kill()
    started.wait()


def test_a_process_is_known_by_its_number_and_its_birth(process) -> None:
    born = birth(process.pid)
    assert at_work(process.pid, born).pid == process.pid
    assert at_work(process.pid, f"{born}0") is None  # an earlier process had this number


def test_one_that_ended_is_not_at_work_though_nobody_waited_for_it(process) -> None:
    born = birth(process.pid)
    end(at_work(process.pid, born), 10, signal.SIGINT)
    assert at_work(process.pid, born) is None


def test_one_that_does_not_listen_is_made_to_stop(process) -> None:
    born = birth(process.pid)
    end(at_work(process.pid, born), 0.2)
    assert at_work(process.pid, born) is None
    end(at_work(process.pid, born), 1)  # nothing is left to end
