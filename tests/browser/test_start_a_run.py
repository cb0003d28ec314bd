"""A run on own data, from the path of its table to its results, with a real process behind the page."""

from pathlib import Path

import pytest
from browser.test_gallery import wait_for
from small_data import model, small_table

from dashboard import jobs
from engine.runs import list_runs

pytestmark = pytest.mark.browser


@pytest.mark.timeout(300)
def test_a_run_is_checked_started_cancelled_resumed_and_opened(page, site: str, runs_dir: Path, tmp_path: Path) -> None:
    page.set_default_timeout(90_000)
    page.goto(f"{site}/runs")
    page.get_by_text("Start a run on your own data").click()
    page.get_by_role("textbox", name="Your pairs").fill(str(small_table(tmp_path, train=130)))
    page.get_by_role("textbox", name="Your pairs").press("Enter")
    page.get_by_text("148 of 148 rows can be used").wait_for()
    wait_for(lambda: page.get_by_test_id("stImage").count() == 5)
    page.get_by_role("textbox", name="Model", exact=True).fill(model())
    page.get_by_role("textbox", name="Model", exact=True).press("Enter")
    page.get_by_role("button", name="Check the model and estimate the time").click()
    page.get_by_role("button", name="Start", exact=True).click()

    page.get_by_text("Reading pairs").first.wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Go on").wait_for()
    (job,) = jobs.jobs(runs_dir)
    run = jobs.run_of(job, runs_dir)
    assert not job.is_alive and not run.is_finished
    assert jobs.estimate_of(job, runs_dir) is not None

    page.get_by_role("button", name="Go on").click()
    wait_for(lambda: run.is_finished, 120)
    page.get_by_role("link", name="Open").nth(1).wait_for()  # by itself, nobody reloads the page
    assert len(list_runs(runs_dir)) == 2 and "Stopped" in jobs.last_words(job, runs_dir)
    page.get_by_role("link", name="Open").first.click()
    page.get_by_role("heading", name="How healthy is this data set?").wait_for()
    assert run.run_id in page.url
    page.get_by_text("of the captions look wrong").wait_for()
