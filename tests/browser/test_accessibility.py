"""Every page by axe-core: nothing serious is wrong for people who use a screen reader or a keyboard."""

from pathlib import Path

import pytest
from addresses import addresses_of
from browser.conftest import settled

pytestmark = pytest.mark.browser
SERIOUS = {"serious", "critical"}


def faults(page) -> list[str]:
    """What axe finds serious, one line per fault with the first element it concerns."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page).response["violations"]
    return [
        f"{one['id']}: {one['help']} ({len(one['nodes'])} times) at {one['nodes'][0]['html'][:160]}"
        for one in found
        if one["impact"] in SERIOUS
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(page, site: str, sample_run, runs_dir: Path, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    guilty = []
    for name, address in addresses_of(sample_run).items():
        page.goto(f"{site}/{address}")
        settled(page)
        guilty += [f"{name}: {fault}" for fault in faults(page)]
    assert guilty == [], "\n".join(guilty)
