"""How fast the dashboard is with many pairs, in a real browser: a table by number of pairs.

    python tests/browser/latency.py --pairs 1000 100000 1000000

Runs are drawn from random numbers by `synthetic_run` and kept where --runs says, else thrown away.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import psutil

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from browser.conftest import ARGUMENTS, CHROMIUM, serve
from browser.test_gallery import TILES
from synthetic_run import synthetic_run

WORDS = ["fox night", "bus", "sea old", "tent", "the rain", "dog hill", "quiet van", "red boat", "house"]
WINDOW = {"width": 1440, "height": 1000}
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


@dataclass(frozen=True)
class Latency:
    """What was measured over one run; seconds, bytes. Processor seconds are the server's, whatever else runs."""

    num_pairs: int
    first_page_of_all: float
    """on a server that just started"""
    first_page: float
    first_page_processor: float
    next_page: float
    next_page_processor: float
    filtered: float
    filtered_processor: float
    memory: int
    """of the server after all of it"""
    growth: int
    """of that, what the page turns added"""


def seconds_until_changed(page, act: Callable[[], None]) -> float:
    """Time from the first key that `act` presses until another list is on screen."""
    page.evaluate("window.measured = window.untilChanged(); null")
    act()
    return page.evaluate("window.measured") / 1000


def open_gallery(page, url: str) -> float:
    """Seconds until the first page of suspicious pairs is there, with sixty tiles and the first picture."""
    started = time.monotonic()
    page.goto(f"{url}/suspicious")
    page.locator(TILES).nth(59).wait_for()
    page.locator(f"{TILES} img").first.wait_for()
    return time.monotonic() - started


def filter_seconds(page, words: list[str]) -> list[float]:
    """Seconds of each search for words in captions, on an open gallery."""
    page.evaluate(HELP)
    field, found = page.get_by_label("Words in the caption").first, []
    for text in words:
        field.fill(text)
        found.append(seconds_until_changed(page, lambda: field.press("Enter")))
    return found


def turn_pages(page, turns: int, after: Callable[[int], None] = lambda turn: None) -> tuple[list[float], set[str]]:
    """Seconds of each page turn on an open gallery, and the lists seen before each."""
    page.evaluate(HELP)
    page.locator(TILES).first.focus()
    seconds, seen = [], set()
    for turn in range(turns):
        seen.add(page.evaluate("window.shownPairs()"))
        seconds.append(seconds_until_changed(page, lambda: page.keyboard.press("PageDown")))
        after(turn)
    return seconds, seen


def measure(browser, runs: Path, num_pairs: int, turns: int) -> Latency:
    """Everything for one run, on a server and in a tab of its own."""
    process, url = serve(runs)
    server, page = psutil.Process(process.pid), browser.new_page(viewport=WINDOW)
    page.set_default_timeout(300_000)
    memory: list[int] = []
    try:
        just_started = open_gallery(page, url)
        opened, opened_processor = _with_processor(server, lambda: [open_gallery(page, url) for _ in range(3)])
        filtered, filtered_processor = _with_processor(server, lambda: filter_seconds(page, WORDS))
        open_gallery(page, url)
        turned, turned_processor = _with_processor(
            server, lambda: turn_pages(page, turns, lambda turn: memory.append(server.memory_info().rss))[0]
        )
        return Latency(
            num_pairs,
            just_started,
            median(opened),
            opened_processor,
            median(turned),
            turned_processor,
            median(filtered),
            filtered_processor,
            memory[-1],
            memory[-1] - memory[turns // 10],
        )
    finally:
        page.close()
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        process.stdout.close()


def _with_processor(server: psutil.Process, act: Callable[[], list[float]]) -> tuple[list[float], float]:
    """What `act` measured, and the processor seconds of the server for each of it."""
    before = sum(server.cpu_times()[:2])
    found = act()
    return found, (sum(server.cpu_times()[:2]) - before) / len(found)


def main() -> None:
    """Measure and print a table in Markdown."""
    parser = argparse.ArgumentParser(description="Latency of the dashboard by number of pairs.")
    parser.add_argument("--pairs", type=int, nargs="+", default=[1000, 100_000], help="(default: 1000 100000)")
    parser.add_argument("--turns", type=int, default=20, help="page turns (default %(default)s)")
    parser.add_argument("--runs", type=Path, help="keep the runs there and use those that are there")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the figures to this .json as well")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    found = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for number in options.pairs:
            runs = (options.runs or Path(folder)) / str(number)
            if not runs.is_dir():
                print(f"drawing a run of {number:,} pairs", file=sys.stderr)
                synthetic_run(runs, number)
            print(f"measuring {number:,} pairs", file=sys.stderr)
            found.append(measure(browser, runs, number, options.turns))
        browser.close()
    print("In brackets: the server's processor time for it, which other programs on the machine do not change.\n")
    print("| pairs | first page, server just started | first page | next page | filter | server | page turns added |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for one in found:
        parts = (
            (one.first_page, one.first_page_processor),
            (one.next_page, one.next_page_processor),
            (one.filtered, one.filtered_processor),
        )
        words = " | ".join(f"{all_of_it:.2f} s ({own:.2f} s)" for all_of_it, own in parts)
        sizes = f"{one.memory / 1e6:.0f} MB | {one.growth / 1e6:.0f} MB"
        print(f"| {one.num_pairs:,} | {one.first_page_of_all:.2f} s | {words} | {sizes} |")
    if options.out:
        options.out.write_text(json.dumps([asdict(one) for one in found], indent=2))


if __name__ == "__main__":
    main()
