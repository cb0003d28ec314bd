"""Thousands of wrong addresses: the routes of pictures answer with a picture of the run, or with nothing."""

import random
import shutil
import time
from pathlib import Path

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard import large_pictures, thumbnails
from dashboard.thumbnails import thumbnail_url
from engine.made_here import remember
from engine.pairs.packs import pack_path, thumbnail_bytes, thumbnail_name
from engine.runs import RunFolder, write_table

NUM_CASES = 3000
SECRET = b"the secret of this machine"
NAME = thumbnail_name(7, 0, b"a")
PIECES = ["..", ".", "/", "%2e%2e", "%2E%2e%2F", "%2f", "%5c", "\\", "%00", "%0a", "%c0%ae%c0%ae", "..;", "~", "*", "?",
          "#", "%25", "%252e%252e%252f", "//", "etc", "passwd", "secret.webp", "config.json", "thumbnails", ".jobs",
          "file:%2f%2f", "C:%5c", "é", "%ff", "%ed%a0%80", "a" * 32, NAME, "0" * 4000, "con", "-", "'", '"', "<svg>",
          "{run}", "{name}", "{pair}", "thumb", "picture", "../" * 8, "%u002e", "٠"]  # fmt: skip
METHODS = ["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"]
HEADERS = [{}, {}, {"range": "bytes=0-"}, {"range": "bytes=0-0,5-6"}, {"range": "bytes=-999999999999"},
           {"accept": "text/html"}, {"if-modified-since": "x"}, {"if-range": "*"}, {"accept-encoding": "gzip"},
           {"x-forwarded-prefix": "/../.."}, {"content-type": "text/html"}]  # fmt: skip


@pytest.fixture
def place(runs_dir: Path, tmp_path: Path) -> tuple[TestClient, dict[str, str], set[bytes]]:
    """A client, the names of a real picture, and everything that may be answered; secrets lie all around."""
    run = RunFolder(next(path for path in runs_dir.iterdir() if path.is_dir()))
    pairs = run.table("pairs")
    for folder in (tmp_path, runs_dir, run.path, runs_dir / "other"):
        folder.mkdir(exist_ok=True)
        for name in ("secret.webp", NAME, "passwd"):
            (folder / name).write_bytes(SECRET)
    (runs_dir / "other" / "config.json").write_bytes(SECRET)
    names = {"{run}": run.run_id, "{name}": pairs["thumbnail"][0], "{pair}": pairs["pair_id"][0]}
    client = TestClient(Starlette(routes=[*thumbnails.ROUTES, *large_pictures.ROUTES]), follow_redirects=False)
    picture = client.get(f"/picture/{run.run_id}?pair={names['{pair}']}").content
    right = {thumbnail_bytes(run.path / "thumbnails", names["{name}"]), picture, b""}
    assert None not in right and len(right) == 3
    return client, names, right


def address(draw: random.Random, names: dict[str, str]) -> str:
    """A right address with something wrong in it, or something wrong altogether."""
    parts = [draw.choice(PIECES) for _ in range(draw.randrange(1, 6))]
    kind = draw.randrange(7)
    if kind == 0:
        text = "/thumb/{run}/" + "".join(parts)
    elif kind == 1:
        text = "/thumb/" + "".join(parts) + "/{name}"
    elif kind == 2:
        text = "/picture/{run}?pair=" + "".join(parts)
    elif kind == 3:
        text = "/picture/" + "".join(parts) + "?pair={pair}"
    elif kind == 4:
        text = "/thumb/{run}/{name}" + draw.choice(["", "?x=", "#"]) + "".join(parts)
    elif kind == 5:  # a name as they are, for a place where something else lies, or nothing
        name, digits = list(names["{name}"]), "0123456789"
        for at in draw.sample(range(20), draw.randrange(1, 6)):
            name[at] = draw.choice(digits) if name[at] in digits else name[at]
        text = "/thumb/{run}/" + "".join(name)
    else:
        text = "/" + "/".join(parts)
    for word, name in names.items():
        text = text.replace(word, name)
    return text


def test_no_wrong_address_gets_anything_but_a_picture_of_the_run(place: tuple) -> None:
    client, names, right = place
    draw, counts, started = random.Random(6), dict.fromkeys((200, 404, 405), 0), time.monotonic()
    for _ in range(NUM_CASES):
        asked, method, headers = address(draw, names), draw.choice(METHODS), draw.choice(HEADERS)
        try:
            answer = client.request(method, f"http://testserver{asked}", headers=headers)
        except (UnicodeError, ValueError) as error:  # the client itself refuses to send it
            assert "httpx" in str(type(error).__module__) or isinstance(error, UnicodeError | ValueError)
            continue
        said = f"{method} {asked} {headers}"
        assert answer.status_code in (200, 307, 404, 405), said
        assert SECRET not in answer.content and b"<" not in answer.content[:1], said
        if answer.status_code == 200:
            assert method in ("GET", "HEAD") and answer.content in right, said
            assert answer.headers["content-type"] == "image/webp", said
            assert answer.headers["x-content-type-options"] == "nosniff", said
            assert answer.headers["cache-control"].startswith("private"), said
        counts[answer.status_code] = counts.get(answer.status_code, 0) + 1
    assert sum(counts.values()) >= 2000 and counts[200] > 20 and counts[404] > 500 and counts[405] > 100, counts
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("text", [b"<svg onload=alert(1)>", b"<html>", b"GIF89a", b"RIFF....AVI ", b"", b"RIFF"])
def test_what_is_no_webp_picture_is_not_served_under_its_name(place: tuple, runs_dir: Path, text: bytes) -> None:
    client, names, _ = place
    pack_path(runs_dir / names["{run}"] / "thumbnails", 8).write_bytes(text)
    assert client.get(thumbnail_url(names["{run}"], thumbnail_name(8, 0, text))).status_code == 404


def test_links_in_a_run_folder_are_not_followed(place: tuple, runs_dir: Path, tmp_path: Path) -> None:
    client, names, _ = place
    run = runs_dir / names["{run}"]
    Image.new("RGB", (9, 9)).save(tmp_path / "mine.webp")
    pack_path(run / "thumbnails", 9).symlink_to(tmp_path / "mine.webp")
    linked = thumbnail_name(9, 0, (tmp_path / "mine.webp").read_bytes())
    (runs_dir / "linked").symlink_to(tmp_path)
    moved = runs_dir / "moved"
    shutil.copytree(run, moved, symlinks=True)
    shutil.rmtree(moved / "thumbnails")
    (moved / "thumbnails").symlink_to(run / "thumbnails")
    for asked in (f"/thumb/{run.name}/{linked}", f"/thumb/moved/{names['{name}']}", f"/thumb/linked/{names['{name}']}"):
        assert client.get(asked).status_code == 404, asked
    assert client.get(f"/thumb/{run.name}/{names['{name}']}").status_code == 200


@pytest.mark.parametrize("column", ["thumbnail", "source", "image", "pair_id"])
@pytest.mark.parametrize("value", [None, 7, "", "x" * 5000, "a\x00b", "/", "\udc80"])
def test_odd_values_in_a_table_break_no_route(place: tuple, runs_dir: Path, column: str, value: object) -> None:
    client, names, _ = place
    run = RunFolder(runs_dir / names["{run}"])
    pairs = run.table("pairs").head(3)
    if value == "\udc80":
        value = "�"
    pairs[column] = pairs[column].astype(object)
    pairs[column] = value
    write_table(run.path / "pairs.parquet", pairs)
    remember(run.path / "pairs.parquet")
    run.update_record(touched=f"{column} {value}")
    answer = client.get(f"/picture/{run.run_id}?pair={names['{pair}']}")
    assert answer.status_code in (200, 404) and SECRET not in answer.content
