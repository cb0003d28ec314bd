"""A run of 100,000 pairs in a real browser: pages come quickly, and the server does not grow."""

import signal
import time
from collections.abc import Iterator
from statistics import median

import psutil
import pytest
from browser.conftest import serve
from browser.test_gallery import TILES, wait_for
from browser.test_gallery_burst import slowness
from synthetic_run import synthetic_run

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
NUM_PAIRS = 100_000
NUM_TURNS = 500
TURNS_TO_WARM = 50
FIRST_PAGE_SECONDS, FILTER_SECONDS = 2.0, 0.5
MOST_GROWTH = 32 * 2**20
WORDS = ["fox night", "bus", "sea old", "tent", "the rain", "dog hill", "quiet van", "red boat", "house"]
HELP = """
window.galleryRoot = () => {
    for (const one of document.querySelectorAll("*"))
        if (one.shadowRoot?.querySelector(".gallery")) return one.shadowRoot;
};
window.shownPairs = () =>
    [...(window.galleryRoot()?.querySelectorAll(".tile") ?? [])].map((one) => one.dataset.pair).join();
// Milliseconds from the next key press until other pairs are listed and what is in view has its pictures.
window.untilChanged = () => new Promise((resolve) => {
    const before = window.shownPairs();
    let pressed = null;
    window.addEventListener("keydown", (event) => { pressed = event.timeStamp; }, { once: true, capture: true });
    const look = () => {
        const shown = window.shownPairs();
        const images = [...(window.galleryRoot()?.querySelectorAll(".tile img") ?? [])].slice(0, 12);
        if (pressed && shown && shown !== before && images.every((one) => one.complete && one.naturalWidth > 0))
            resolve(performance.now() - pressed);
        else requestAnimationFrame(look);
    };
    look();
});
null  // what a script ends with is called if it is a function
"""


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


def seconds_until_changed(page, act) -> float:
    """Time from the first key that `act` presses until another list is on screen."""
    page.evaluate("window.measured = window.untilChanged(); null")
    act()
    return page.evaluate("window.measured") / 1000


@pytest.mark.alone
def test_the_first_page_and_a_filter_are_there_at_once(page, large) -> None:
    url, _ = large
    first, filtered = [], []
    for _ in range(3):
        started = time.monotonic()
        page.goto(f"{url}/suspicious")
        page.locator(TILES).nth(59).wait_for()
        page.locator(f"{TILES} img").first.wait_for()
        first.append(time.monotonic() - started)
    page.evaluate(HELP)
    words = page.get_by_label("Words in the caption").first
    for text in (*WORDS, *WORDS):
        words.fill(text)
        filtered.append(seconds_until_changed(page, lambda: words.press("Enter")))
    times_slower = slowness(page)
    print(f"first page {median(first):.2f} s, {first[0]:.2f} s on a server that just started")
    print(f"filter {median(filtered):.3f} s; machine slow {times_slower:.1f} times")
    assert median(first) <= FIRST_PAGE_SECONDS * times_slower
    assert median(filtered) <= FILTER_SECONDS * times_slower


def test_five_hundred_page_turns_leave_the_server_as_large_as_it_was(page, large) -> None:
    url, server = large
    page.goto(f"{url}/suspicious")
    page.locator(TILES).nth(59).wait_for()
    page.evaluate(HELP)
    page.locator(TILES).first.focus()
    seen, seconds, memory = set(), [], []
    for turn in range(NUM_TURNS):
        seen.add(page.evaluate("window.shownPairs()"))
        seconds.append(seconds_until_changed(page, lambda: page.keyboard.press("PageDown")))
        if turn in (TURNS_TO_WARM, NUM_TURNS - 1):
            memory.append(server.memory_info().rss)
    print(f"page turn {median(seconds):.3f} s; server {memory[0] / 2**20:.0f} → {memory[1] / 2**20:.0f} MiB")
    assert len(seen) == NUM_TURNS
    assert memory[1] - memory[0] <= MOST_GROWTH
    wait_for(lambda: f"page={NUM_TURNS + 1}" in page.url)
