"""Questions to the engine in a process of their own."""

import gc
import time
from pathlib import Path

from small_data import small_table

from dashboard.checks import Check


def waited(check: Check, seconds: float = 60) -> Check:
    until = time.monotonic() + seconds
    while check.is_alive:
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
    return check


def test_a_table_is_checked_in_the_background(tmp_path: Path) -> None:
    table = small_table(tmp_path)
    check = waited(Check.start("check", str(table), limit_seconds=60))
    found, sentence = check.outcome()
    assert (found["accepted"], sentence, check.share) == (42, "", 1.0)
    assert found["places"][0] == str(table.parent)


def test_what_cannot_be_read_leaves_its_sentence(tmp_path: Path) -> None:
    found, sentence = waited(Check.start("check", str(tmp_path / "gone.csv"), limit_seconds=60)).outcome()
    assert found is None and "gone.csv" in sentence and "Traceback" not in sentence


def test_what_is_handed_over_reaches_the_command(tmp_path: Path) -> None:
    given = {"config": {"pairs": "x"}}
    found, sentence = waited(Check.start("estimate", "{config}", limit_seconds=60, given=given)).outcome()
    assert found is None and "`model`" in sentence


def test_past_its_time_a_check_is_stopped(tmp_path: Path) -> None:
    check = Check.start("check", str(small_table(tmp_path)), limit_seconds=0.05)
    time.sleep(0.1)
    assert not check.is_alive
    assert check.outcome()[1].startswith("It was stopped after")


def test_a_check_that_nobody_waits_for_any_more_is_ended(tmp_path: Path) -> None:
    check = Check.start("check", str(small_table(tmp_path)), limit_seconds=600)
    process = check.process
    assert check.is_alive
    del check
    gc.collect()
    assert process.poll() is not None
