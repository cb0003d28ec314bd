"""What `ecif check` prints. Strangers' text is printed as text, on one line, never as markup."""

from __future__ import annotations

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.pairs import PairsCheck, ReadOptions, check_pairs, write_check
from engine.pairs.images import MISSING
from engine.progress import RunProgress
from engine.reports import one_line

SHOWN_COLUMNS = 12
ELSEWHERE_SHARE = 0.5
ELSEWHERE = "Do the pictures lie in another folder? Name it with --images FOLDER."
"""said when so large a share of the rows have no picture"""


def print_check(pairs: str, options: ReadOptions, rejects: str | None, json_file: str | None = None) -> int:
    """What was understood of a data set; exit code 1 if no row can be used.

    Args:
        pairs: file, pattern or folder.
        options: where its pictures lie, and the template of captions.
        rejects: .csv for the rejected rows.
        json_file: file for the same as JSON; FILE.progress says meanwhile how far the reading is.
    """
    console = Console()
    found = _watched_check(pairs, options, rejects, json_file)
    _print_counts(console, found)
    _print_columns(console, found)
    _print_pairs(console, found)
    if found.reasons:
        _print_rejects(console, found)
        said = f"The rejected rows are in {rejects}." if rejects else "All of them as a table: --rejects FILE.csv"
        console.print(Text(said))
    for note in found.notes:
        console.print(Text(f"Note: {note}"))
    return 0 if found.accepted else 1


def _watched_check(pairs: str, options: ReadOptions, rejects: str | None, json_file: str | None) -> PairsCheck:
    rejects_csv = None if rejects is None else Path(rejects)
    if json_file is None:
        return check_pairs(pairs, options, rejects_csv)
    watched = RunProgress(Path(f"{json_file}.progress"), 1)
    with watched.running(), watched.step(0, "Reading pairs", 1) as report:
        found = check_pairs(pairs, options, rejects_csv, report)
    write_check(found, Path(json_file))
    return found


def _print_counts(console: Console, found: PairsCheck) -> None:
    files = "" if found.files == 1 else f" from {found.files:,} files"
    console.print(Text(f"Read as {found.reader}{files} in {found.seconds:.1f} s."))
    style = "green" if not found.rejected else "yellow" if found.accepted else "red"
    counts = f"{found.rows:,} rows: {found.accepted:,} can be used, {found.rejected:,} rejected."
    console.print(Text(counts, style=f"bold {style}"))
    if found.splits:
        splits = ", ".join(f"{number:,} {split}" for split, number in found.splits.items())
        held_out = "" if "validation" in found.splits else " (a tenth of them will be held out for validation)"
        console.print(Text(f"Pairs: {splits}{held_out}"))
    if found.duplicates:
        console.print(Text(f"{found.duplicates:,} pairs share their picture, or nearly, with another one."))


def _print_columns(console: Console, found: PairsCheck) -> None:
    columns = ", ".join(
        meaning if meaning == name else f"{meaning} (from {name})" for meaning, name in found.columns.items()
    )
    console.print(_plain(f"Columns: {columns}"))
    if found.unused:
        more = len(found.unused) - SHOWN_COLUMNS
        shown = ", ".join(name[:40] for name in found.unused[:SHOWN_COLUMNS])
        console.print(_plain(f"Not used: {shown}" + (f" and {more} more" if more > 0 else "")))


def _print_pairs(console: Console, found: PairsCheck) -> None:
    if found.examples:
        examples = _table("Examples", "image", "caption")
        for image, caption in found.examples:
            examples.add_row(one_line(image), one_line(caption))
        console.print(examples)
    if found.oddities:
        odd = _table(f"{found.oddities:,} captions look odd by themselves, such as", "caption", "what is odd")
        for caption, reason in found.odd_examples:
            odd.add_row(one_line(caption), Text(reason))
        console.print(odd)


def _print_rejects(console: Console, found: PairsCheck) -> None:
    rejected = _table("Rejected", "rows", "reason", "the first")
    rejected.columns[0].justify = "right"
    for reason, number in found.reasons.items():
        rejected.add_row(f"{number:,}", Text(reason), one_line(found.first_rejects[reason]))
    console.print(rejected)
    if found.reasons.get(MISSING, 0) > ELSEWHERE_SHARE * found.rows:
        console.print(Text(ELSEWHERE, style="bold"))


def _table(title: str, *columns: str) -> Table:
    style = {"title_justify": "left", "title_style": "bold", "box": SIMPLE_HEAD, "show_edge": False}
    return Table(*columns, title=f"\n{title}", pad_edge=False, **style)


def _plain(line: str) -> Text:
    """Stranger's names on one line, however many they are: control characters cannot reach the terminal."""
    return Text("".join(c if c.isprintable() else " " for c in line))
