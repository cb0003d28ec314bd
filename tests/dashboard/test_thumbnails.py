"""The thumbnail route opens packs of thumbnails of runs, and nothing else on the disk."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.thumbnails import ROUTES, thumbnail_url
from engine.pairs.packs import pack_path, thumbnail_name

PICTURE = b"RIFF\x08\x00\x00\x00WEBPVP8 "
NAME = thumbnail_name(0, 6, PICTURE)
SECRET = b"RIFF\x08\x00\x00\x00WEBPsecr"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    folder = tmp_path / "runs" / "demo-1" / "thumbnails"
    folder.mkdir(parents=True)
    pack_path(folder, 0).write_bytes(b"before" + PICTURE)
    (folder / "secret.txt").write_text("secret")
    (tmp_path / "runs" / "demo-1" / "config.json").write_text("secret")
    (tmp_path / "runs" / "00000.pack").write_bytes(b"before" + PICTURE)
    (tmp_path / NAME).write_text("secret")
    monkeypatch.setenv("ECIF_RUNS_DIR", str(tmp_path / "runs"))
    return TestClient(Starlette(routes=ROUTES))


def test_a_thumbnail_is_served_and_may_be_kept_for_good(client: TestClient) -> None:
    answer = client.get(thumbnail_url("demo-1", NAME))
    assert (answer.status_code, answer.content) == (200, PICTURE)
    assert answer.headers["content-type"] == "image/webp"
    assert "immutable" in answer.headers["cache-control"] and "private" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "/thumb/demo-1/secret.txt",
        "/thumb/demo-1/00000.pack",
        "/thumb/demo-1/../config.json",
        "/thumb/demo-1/..%2fconfig.json",
        f"/thumb/../{NAME}",
        f"/thumb/..%2f/{NAME}",
        f"/thumb/%2e%2e/{NAME}",
        f"/thumb/demo-2/{NAME}",
        "/thumb/demo-1/" + thumbnail_name(0, 6, b"another"),
        f"/thumb/demo-1/{NAME}%00.txt",
        "/thumb/.jobs/" + NAME,
    ],
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert b"secret" not in answer.content


def test_a_link_out_of_the_folder_of_runs_is_not_followed(client: TestClient, tmp_path: Path) -> None:
    outside = tmp_path / "outside.pack"
    outside.write_bytes(SECRET)
    pack_path(tmp_path / "runs" / "demo-1" / "thumbnails", 1).symlink_to(outside)
    assert client.get(f"/thumb/demo-1/{thumbnail_name(1, 0, SECRET)}").status_code == 404


def test_no_address_is_made_for_odd_names() -> None:
    assert thumbnail_url("demo-1", "../x.webp") == "" == thumbnail_url("../runs", NAME) == thumbnail_url("demo-1", None)
