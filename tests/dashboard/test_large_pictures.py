"""The route of large pictures shows pictures of known pairs, and nothing else on the disk."""

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.large_pictures import ROUTES, picture_url
from engine.made_here import remember
from engine.pairs.packs import thumbnail_bytes
from engine.runs import RunFolder, write_table


@pytest.fixture
def client(runs_dir: Path) -> TestClient:
    return TestClient(Starlette(routes=ROUTES))


def known_pair(runs_dir: Path) -> tuple[RunFolder, str]:
    run = RunFolder(next(path for path in runs_dir.iterdir() if path.is_dir()))
    return run, run.table("pairs", columns=["pair_id"])["pair_id"][0]


def test_the_picture_of_a_known_pair_is_served(client: TestClient, runs_dir: Path) -> None:
    run, pair_id = known_pair(runs_dir)
    answer = client.get(picture_url(run.run_id, pair_id))
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/webp"
    assert answer.content[:4] == b"RIFF" and answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/picture/{run}",
        "/picture/{run}?pair=",
        "/picture/{run}?pair=../config.json",
        "/picture/{run}?pair=%2fetc%2fpasswd",
        "/picture/no-such-run?pair={pair}",
        "/picture/..?pair={pair}",
        "/picture/%2e%2e?pair={pair}",
        "/picture/..%2f{run}?pair={pair}",
        "/picture/.jobs?pair={pair}",
    ],
)
def test_nothing_else_is_served(client: TestClient, runs_dir: Path, path: str) -> None:
    run, pair_id = known_pair(runs_dir)
    assert client.get(path.format(run=run.run_id, pair=pair_id)).status_code == 404


@pytest.mark.parametrize("image", ["../secret.png", "/etc/hostname", "http://127.0.0.1/x.png", "C:\\x.png"])
def test_a_table_that_names_a_file_elsewhere_gets_its_thumbnail(client: TestClient, runs_dir: Path, image: str) -> None:
    run, pair_id = known_pair(runs_dir)
    pairs = run.table("pairs")
    pairs.loc[0, ["image", "images"]] = [image, str(runs_dir)]
    (runs_dir.parent / "secret.png").write_bytes(b"secret")
    write_table(run.path / "pairs.parquet", pairs)
    remember(run.path / "pairs.parquet")
    answer = client.get(picture_url(run.run_id, pair_id))
    assert answer.content == thumbnail_bytes(run.path / "thumbnails", pairs.loc[0, "thumbnail"])


@pytest.mark.parametrize("thumbnail", ["../../secret.png", "{folder}/secret.png", ""])
def test_a_table_that_names_a_thumbnail_elsewhere_gets_none(client: TestClient, runs_dir: Path, thumbnail: str) -> None:
    run, pair_id = known_pair(runs_dir)
    pairs = run.table("pairs")
    pairs.loc[0, ["image", "thumbnail"]] = ["gone.png", thumbnail.format(folder=runs_dir)]
    (runs_dir / "secret.png").write_bytes(b"secret")
    (run.path / "secret.png").write_bytes(b"secret")
    write_table(run.path / "pairs.parquet", pairs)
    answer = client.get(picture_url(run.run_id, pair_id))
    assert answer.status_code == 200 and answer.content[:4] == b"RIFF"


def test_names_in_addresses_are_escaped() -> None:
    assert picture_url("demo-1", "a/b?c&d é") == "/picture/demo-1?pair=a%2Fb%3Fc%26d%20%C3%A9"
    assert picture_url("../demo", "p") == ""
