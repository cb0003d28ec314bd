"""Opening pages with Streamlit's own test runner, and reading what stands on them."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from engine.runs import RunFolder

APP = Path(__file__).resolve().parents[1] / "dashboard" / "app.py"


def open_page(name: str, **params: str) -> AppTest:
    """A page with these URL parameters, run once."""
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    for key, value in params.items():
        app.query_params[key] = value
    return app.switch_page(f"views/{name}.py").run()


def words_on(app: AppTest) -> str:
    """All text of a page."""
    kinds = (app.title, app.header, app.subheader, app.markdown, app.text, app.caption, app.info, app.error)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def button(app: AppTest, label: str):
    """The first button that says `label`."""
    return next(one for one in app.button if one.label == label)


def listed_on(app: AppTest, run: RunFolder) -> list[str]:
    """All pairs of the list on screen, in order."""
    from dashboard import cache

    return [one for batch in cache.listing(run).ids(app.session_state["suspicious_shown"][1]) for one in batch]
