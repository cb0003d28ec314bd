"""A run of 100,000 pairs in a real browser: pages come quickly, and the server neither grows nor holds the pairs."""

import signal
from collections.abc import Iterator
from statistics import median

import psutil
import pytest
from browser.conftest import serve
from browser.latency import WORDS, filter_seconds, open_gallery, turn_pages
from browser.test_gallery import wait_for
from browser.test_gallery_burst import slowness
from synthetic_run import synthetic_run

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
NUM_PAIRS = 100_000
# 500 turns show nothing that 60 do not, in eight times the time: tests/browser/latency.py --turns 500 does them.
NUM_TURNS, TURNS_TO_WARM = 60, 20
FIRST_PAGE_SECONDS, FILTER_SECONDS, NEXT_PAGE_SECONDS = 2.0, 1.0, 0.3
MOST_GROWTH, MOST_MEMORY = 64 * 2**20, 700 * 2**20
"""bytes; DuckDB gives memory back when it likes, the pairs as frames would be several hundred MB more"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, psutil.Process]]:
    """The address of a dashboard over a run of 100,000 training pairs, and its process."""
    folder = tmp_path_factory.mktemp("large") / "runs"
    assert len(synthetic_run(folder, NUM_PAIRS).table("scores")) == NUM_PAIRS
    process, url = serve(folder)
    yield url, psutil.Process(process.pid)
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    process.stdout.close()


@pytest.mark.alone
def test_the_first_page_and_a_filter_are_there_at_once(page, large) -> None:
    url, _ = large
    first = [open_gallery(page, url) for _ in range(3)]
    filtered = filter_seconds(page, [*WORDS, *WORDS])
    turned, _ = turn_pages(page, 8)
    times_slower = slowness(page)
    print(f"first page {median(first):.2f} s, {first[0]:.2f} s on a server that just started")
    print(f"filter {median(filtered):.3f} s; next page {median(turned):.3f} s; machine slow {times_slower:.1f} times")
    assert median(first) <= FIRST_PAGE_SECONDS * times_slower
    assert median(filtered) <= FILTER_SECONDS * times_slower
    assert median(turned) <= NEXT_PAGE_SECONDS * times_slower


def test_page_turns_leave_the_server_as_large_as_it_was(page, large) -> None:
    url, server = large
    open_gallery(page, url)
    memory = []
    seconds, seen = turn_pages(page, NUM_TURNS, lambda turn: memory.append(server.memory_info().rss))
    growth = memory[-1] - memory[TURNS_TO_WARM]
    print(f"page turn {median(seconds):.3f} s; server {memory[-1] / 2**20:.0f} MiB, grown by {growth / 2**20:.1f} MiB")
    assert len(seen) == NUM_TURNS
    assert growth <= MOST_GROWTH and memory[-1] <= MOST_MEMORY
    wait_for(lambda: f"page={NUM_TURNS + 1}" in page.url)
