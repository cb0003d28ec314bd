"""The thumbnail route opens thumbnails of runs, and nothing else on the disk."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.thumbnails import ROUTES, thumbnail_url

NAME = "0123456789abcdef" * 2 + ".webp"
PICTURE = b"RIFF\x00\x00\x00\x00WEBPVP8 "


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    folder = tmp_path / "runs" / "demo-1" / "thumbnails"
    folder.mkdir(parents=True)
    (folder / NAME).write_bytes(PICTURE)
    (folder / "secret.txt").write_text("secret")
    (tmp_path / "runs" / "demo-1" / "config.json").write_text("secret")
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
        "/thumb/demo-1/../config.json",
        "/thumb/demo-1/..%2fconfig.json",
        f"/thumb/../{NAME}",
        f"/thumb/..%2f/{NAME}",
        f"/thumb/%2e%2e/{NAME}",
        f"/thumb/demo-2/{NAME}",
        "/thumb/demo-1/" + "f" * 32 + ".webp",
        f"/thumb/demo-1/{NAME}%00.txt",
        "/thumb/.jobs/" + NAME,
    ],
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert b"secret" not in answer.content


def test_a_link_out_of_the_folder_of_runs_is_not_followed(client: TestClient, tmp_path: Path) -> None:
    outside = tmp_path / "outside.webp"
    outside.write_bytes(b"secret")
    name = "a" * 32 + ".webp"
    (tmp_path / "runs" / "demo-1" / "thumbnails" / name).symlink_to(outside)
    assert client.get(f"/thumb/demo-1/{name}").status_code == 404


def test_no_address_is_made_for_odd_names() -> None:
    assert thumbnail_url("demo-1", "../x.webp") == "" == thumbnail_url("../runs", NAME) == thumbnail_url("demo-1", None)
