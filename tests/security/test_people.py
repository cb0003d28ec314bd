"""Who may come in where a login is set up; what cannot work closes the door instead of opening it."""

from pathlib import Path

import pytest
from pages import words_on
from streamlit.testing.v1 import AppTest

from dashboard.people import LOGIN, check_login, is_welcome, read_secrets
from engine.errors import ConfigError

AUTH = {"auth": {"cookie_secret": "c" * 64}}
LISTED = {**AUTH, "people": {"allowed": ["Ada@example.org", "@lab.example.org"]}}
APP = Path(__file__).resolve().parents[2] / "dashboard" / "app.py"


def logged_in(email: str | None, **more: object) -> dict[str, object]:
    return {"is_logged_in": True, "email": email, **more}


@pytest.mark.parametrize(
    ("user", "secrets", "welcome"),
    [
        ({}, {}, True),  # no login is set up
        ({}, AUTH, False),
        ({"is_logged_in": False, "email": "ada@example.org"}, AUTH, False),
        ({"is_logged_in": "yes"}, AUTH, False),
        (logged_in("eve@evil.example"), AUTH, True),  # no list: whoever the provider lets in
        (logged_in("ada@example.org"), LISTED, True),
        (logged_in("ADA@Example.org", email_verified=True), LISTED, True),
        (logged_in("ada@example.org", email_verified=False), LISTED, False),
        (logged_in("ada@example.org", email_verified="false"), LISTED, False),
        (logged_in("ada@example.org", email_verified="true"), LISTED, True),
        (logged_in("x@lab.example.org"), LISTED, True),
        (logged_in("x@notlab.example.org"), LISTED, False),
        (logged_in("x@lab.example.org.evil.example"), LISTED, False),
        (logged_in("ada@example.org@evil.example"), LISTED, False),
        (logged_in("evil@x@lab.example.org"), LISTED, False),
        (logged_in("@lab.example.org"), LISTED, False),
        (logged_in(None), LISTED, False),
        (logged_in("ada@example.org"), {**AUTH, "people": {"allowed": "ada@example.org"}}, False),
        (logged_in("ada@example.org"), {**AUTH, "people": {}}, False),
        (logged_in("ada@example.org"), {**AUTH, "people": {"allowed": []}}, False),
    ],
)
def test_only_people_on_the_list_are_welcome(
    user: dict, secrets: dict, welcome: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(LOGIN, raising=False)
    assert is_welcome(user, secrets) is welcome


def test_a_login_that_was_on_at_the_start_stays_on_when_its_file_is_spoilt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOGIN, "1")
    assert not is_welcome({}, {})
    assert not is_welcome(logged_in("eve@evil.example"), {})  # nobody knows any more who is on the list


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[auth\n", "a readable secrets.toml"),
        ("[auth]\n", "cookie_secret"),
        ('[auth]\ncookie_secret = "short"\n', "at least 32"),
        ('[people]\nallowed = ["a@b.org"]\n', "[auth] beside [people]"),
        (f'[auth]\ncookie_secret = "{"c" * 64}"\n[people]\nallowed = "a@b.org"\n', "a list of e-mail addresses"),
        (f'[auth]\ncookie_secret = "{"c" * 64}"\n[people]\nallowed = ["everybody"]\n', "a list of e-mail addresses"),
    ],
)
def test_a_login_that_cannot_work_is_said_before_anyone_comes(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "secrets.toml").write_text(text)
    with pytest.raises(ConfigError) as error:
        check_login(read_secrets([tmp_path / "absent.toml", tmp_path / "secrets.toml"]))
    assert words in str(error.value) and "Traceback" not in str(error.value)


def test_a_login_that_works_is_found(tmp_path: Path) -> None:
    (tmp_path / "secrets.toml").write_text(f'[auth]\ncookie_secret = "{"c" * 64}"\n')
    assert check_login(read_secrets([tmp_path / "secrets.toml"]))
    assert not check_login({})


def test_pages_show_nothing_but_the_login_to_who_has_not_logged_in(
    runs_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOGIN, "1")
    app = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not app.exception and "Log in to see pictures" in words_on(app)
    assert [one.label for one in app.button] == ["Log in"]
    assert not app.sidebar.selectbox and "Overview" not in words_on(app)
    monkeypatch.setenv(LOGIN, "0")
    assert "Log in" not in words_on(AppTest.from_file(str(APP), default_timeout=60).run())
