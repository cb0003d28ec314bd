"""What `--pairs` may say, and which files are meant by it."""

from pathlib import Path

import pytest

from engine.errors import PairsError
from engine.pairs import sources as sources_module
from engine.pairs.sources import Source, data_hashes, sources, title_of


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes empty files in a folder that is the current one."""
    monkeypatch.chdir(tmp_path)

    def make(*names: str) -> None:
        for name in names:
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()

    return make


def found(spec: str) -> list[str]:
    return [source.path.as_posix() for source in sources(spec)]


def sentence(spec: str) -> str:
    with pytest.raises(PairsError) as error:
        sources(spec)
    assert error.value.fix
    return str(error.value)


def test_a_path_is_the_file_itself(files):
    files("pairs.csv", "b/pairs.csv")
    assert found("pairs.csv") == ["pairs.csv"]
    assert sources(Path("b/pairs.csv").absolute()) == [Source(Path("b/pairs.csv").absolute())]


@pytest.mark.parametrize("name", ["a[1].csv", "what?.csv", "{a,b}.csv", "{1..3}.csv", "*.csv"])
def test_a_path_that_exists_wins_over_the_pattern_in_its_name(name, files):
    files(name, "a1.csv", "whatx.csv", "a.csv", "b.csv", "1.csv", "2.csv", "3.csv")
    assert found(name) == [name]


def test_patterns_give_the_visible_files_by_name(files):
    files("s/2.parquet", "s/10.parquet", "s/1.parquet", "s/.hidden.parquet", "s/readme.md", "s/deep/3.parquet")
    assert found("s/*.parquet") == ["s/1.parquet", "s/10.parquet", "s/2.parquet"]
    assert found("s/[12].parquet") == ["s/1.parquet", "s/2.parquet"]
    assert found("s/?0.parquet") == ["s/10.parquet"]
    assert found("**/3.parquet") == ["s/deep/3.parquet"]
    assert found(str(Path("s").absolute() / "1*.parquet")) == [
        str(Path("s").absolute() / f"{number}.parquet") for number in (1, 10)
    ]


def test_links_in_a_circle_do_not_make_a_pattern_endless(files):
    files("a/1.csv")
    Path("a/up").symlink_to("..")
    Path("a/again").symlink_to("..")
    assert found("**/*.csv") == ["a/1.csv"]


def test_ranges_keep_their_zeros_and_names_their_commas(files):
    files(*(f"shard-{number:04d}.tar" for number in range(12)), "9.csv", "10.csv", "a,b.csv", "x{1}.csv")
    assert found("shard-{0000..0009}.tar") == [f"shard-{number:04d}.tar" for number in range(10)]
    assert found("shard-{0011..0010}.tar") == ["shard-0010.tar", "shard-0011.tar"]
    assert found("{9..10}.csv") == ["10.csv", "9.csv"]
    assert found("a,b.csv") == ["a,b.csv"]
    assert found("x{1}.csv") == ["x{1}.csv"]


def test_choices_nest_combine_and_mix_with_patterns(files):
    files("a/1.csv", "a/2.csv", "b/1.csv", "b/2.csv", "c.csv")
    everything = ["a/1.csv", "a/2.csv", "b/1.csv", "b/2.csv"]
    assert found("{a,b}/{1..2}.csv") == everything
    assert found("{b,a}/*.csv") == everything
    assert found("{{a,b}/{1,2},c}.csv") == [*everything, "c.csv"]


def test_a_file_that_is_meant_twice_is_read_once(files):
    files("a.csv", "b.csv")
    assert found("{a,b,a}.csv") == found("{*,a}.csv") == ["a.csv", "b.csv"]


def test_a_missing_shard_of_a_range_stops_everything_and_is_named(files):
    files(*(f"shard-{number}.tar" for number in (0, 1, 3)))
    assert "all 4 files that shard-{0..3}.tar stands for, got no shard-2.tar" in sentence("shard-{0..3}.tar")
    assert "no x-0.tar, x-1.tar, x-2.tar and 97 more" in sentence("x-{0..99}.tar")


def test_nothing_found_says_what_was_looked_for(files):
    files("a.csv")
    assert "no file at b.csv" in sentence("b.csv")
    assert "no file that matches s/*.csv" in sentence("s/*.csv")
    assert "no file that matches a[.csv" in sentence("a[.csv") or "no file at a[.csv" in sentence("a[.csv")
    assert "no file at {x}.csv" in sentence("{x}.csv")


@pytest.mark.parametrize(
    "spec",
    ["", "a\0b.csv", "x" * 300, "x" * 5000, "{" * 3000, "{,a" * 1000 + "}" * 1000, "{1..", "a**b.csv", "[", "**[",
     "{0..99999999999999999999}", "../{a,b", "{,}"],
)  # fmt: skip
def test_nonsense_is_one_sentence(spec, files):
    files("here.csv")
    assert len(sentence(spec)) < 12_000


@pytest.mark.parametrize("spec", ["https://a.org/p.csv", "hf://datasets/x", "s3://b/{0..9}.tar", "pipe:curl x"])
def test_addresses_are_never_fetched(spec, files):
    assert "Nothing is fetched" in sentence(spec)


@pytest.mark.parametrize("spec", ["{0..999999999999}.tar", "{0..9999}{0..9999}.tar", "{,}" * 40 + ".tar"])
def test_no_range_is_expanded_without_end(spec, files, monkeypatch):
    monkeypatch.setattr(sources_module, "MAX_FILES", 1000)
    assert "at most 1,000 files" in sentence(spec)


def test_patterns_that_match_too_much_are_refused(files, monkeypatch):
    monkeypatch.setattr(sources_module, "MAX_FILES", 3)
    files("1.csv", "2.csv", "3.csv")
    assert len(found("*.csv")) == 3
    files("4.csv")
    assert "at most 3 files" in sentence("*.csv")


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl", "metadata.parquet"])
def test_an_image_folder_is_its_metadata(name, files):
    files(f"data/{name}", "data/1.png")
    assert sources("data") == [Source(Path("data") / name)]


def test_the_metadata_of_splits_knows_its_split(files):
    files(*(f"d/{split}/metadata.csv" for split in ("train", "val", "test")), "d/notes/metadata.csv", "d/train/1.png")
    assert sources("d") == [
        Source(Path("d/test/metadata.csv"), "test"),
        Source(Path("d/train/metadata.csv"), "train"),
        Source(Path("d/val/metadata.csv"), "validation"),
    ]


def test_a_table_that_is_meant_by_itself_and_by_its_folder_is_read_once_with_its_split(files):
    files("d/train/metadata.csv", "d/test/metadata.csv")
    assert sources("{d,d/train,d/train/metadata.csv}") == sources("{d/train,d}") == sources("d")


def test_the_hashes_tell_a_split_from_another(files):
    files("d/train/metadata.csv", "d/test/metadata.csv")
    before = list(data_hashes("d"))
    Path("d/test").rename("d/validation")
    assert list(data_hashes("d")) != before
    Path("d/validation").rename("d/test")
    assert list(data_hashes("d")) == before


def test_a_split_with_pictures_and_no_metadata_is_not_passed_over(files):
    files("d/train/metadata.csv", "d/test/1.jpg")
    assert "none in d/test" in sentence("d")


def test_two_kinds_of_metadata_in_one_place_are_refused(files):
    files("d/metadata.csv", "d/metadata.jsonl")
    assert "d/metadata.csv and d/metadata.jsonl" in sentence("d")


def test_other_folders_are_themselves(files):
    files("d/cats/1.jpg")
    assert sources("d") == [Source(Path("d"))]


def test_patterns_may_mean_folders(files):
    files("a/metadata.csv", "b/metadata.csv", "c/x.jpg")
    assert found("{a,b,c}") == ["a/metadata.csv", "b/metadata.csv", "c"]


@pytest.mark.parametrize(
    ("spec", "title"),
    [("d/pairs.csv", "pairs"), ("d", "d"), ("shards/*.parquet", "shards"), ("s/shard-{0..9}.tar", "shard-{0..9}"),
     ("*", "pairs"), ("**/*", "pairs")],
)  # fmt: skip
def test_what_is_meant_has_a_short_name(spec, title, files):
    files("d/pairs.csv")
    assert title_of(spec) == title
