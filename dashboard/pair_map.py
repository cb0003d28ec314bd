"""The map as the browser gets it: few bytes a point, colours as one byte, areas as a short text. No Streamlit here.

Points are whole numbers 0 … 65535, the same for the screen and for the choice of pairs, so that what lies inside an
area on the screen is what is chosen. Corners of an area lie on a coarser grid, between the points.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dashboard.filters import SHOWS
from dashboard.run_tables import RunTables
from dashboard.tables import labels_of
from engine.pairs.packs import NAME
from engine.review import VERDICTS

MOST_DRAWN, MOST_SUSPICIOUS = 20_000, 5_000
"""points drawn of a large run: the most suspicious ones and a seeded choice of the others"""
MOST_CORNERS = 64
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
CORNER_STEP, CORNER_START = 17, -2047.5
"""corner = 17 · number − 2047.5 for the numbers 0 … 4095: a little beyond the map on all sides, never on a point"""
MOST_LABELS = 10
ABOUT_AREA = ("pair_id", "suspicion_rank", "label", "p_wrong")
UNKNOWN = 255
CAPTION_CHARACTERS = 90
SQUARES, SUSPICIOUS_SHARE = 8, 0.1
"""squares on each side of the map, and the share of pairs that count as most suspicious, to find where these gather"""
LEAST_GATHERED, NEAR = 0.4, 9000
"""a label is named on the map where so many of its pairs lie so near to their middle"""


@dataclass(frozen=True)
class PairMap:
    """One map of a run, the most suspicious pair first."""

    places: np.ndarray
    """of the pairs in the ranked table, `[pairs]`"""
    points: np.ndarray
    """`[pairs, 2]`, uint16; y grows upwards"""
    drawn: np.ndarray
    """which of them are drawn, positions `[drawn]`, ascending"""
    rows: pd.DataFrame
    """what is known of the drawn ones, indexed by pair_id"""
    about: str
    """of the drawn ones, for reading under the pointer: packed ids, thumbnails and captions"""


POINTS = "SELECT place, x, y FROM map JOIN ranked USING (pair_id) WHERE map.kind = ? ORDER BY place"
DRAWN = "SELECT * FROM ranked WHERE place IN (SELECT unnest(?::BIGINT[])) ORDER BY place"


def map_of_run(tables: RunTables, kind: str) -> PairMap:
    """The map of one kind, image or caption, of a run."""
    return pair_map(
        tables.rows(POINTS, [kind]), lambda places: tables.rows(DRAWN, [places]).set_index("pair_id", drop=False)
    )


def pair_map(placed: pd.DataFrame, rows_at: Callable[[list[int]], pd.DataFrame]) -> PairMap:
    """A map of these points.

    Args:
        placed: place in the ranked table, rising; x, y within −1 … 1.
        rows_at: gives the rows at some places, in their order, indexed by pair_id.
    """
    points, places = placed[["x", "y"]].to_numpy(dtype=float), placed["place"].to_numpy()
    quantised = np.clip(np.rint((points + 1) / 2 * 65535), 0, 65535).astype(np.uint16)
    drawn = drawn_of(len(points))
    rows = rows_at(places[drawn].tolist())
    return PairMap(places, quantised, drawn, rows, _about(rows))


def drawn_of(num_pairs: int) -> np.ndarray:
    """Positions of the pairs that are drawn, ascending."""
    drawn = np.arange(num_pairs)
    if num_pairs <= MOST_DRAWN:
        return drawn
    others = np.random.default_rng(0).permutation(np.arange(MOST_SUSPICIOUS, num_pairs))
    return np.sort(np.concatenate([drawn[:MOST_SUSPICIOUS], others[: MOST_DRAWN - MOST_SUSPICIOUS]]))


def pairs_inside(tables: RunTables, shown: PairMap, corners: np.ndarray) -> pd.DataFrame:
    """The pairs in an area, the most suspicious first: suspicion_rank, label, p_wrong (where there is one) by pair_id.

    Args:
        tables: of the run.
        shown: its map.
        corners: of the area, `[corners, 2]`.
    """
    places = shown.places[inside(shown.points, corners)]
    names = ", ".join(name for name in ABOUT_AREA if name in tables.columns("ranked"))
    sql = f"SELECT {names} FROM ranked WHERE place IN (SELECT unnest(?::BIGINT[])) ORDER BY place"  # noqa: S608
    return tables.rows(sql, [places.tolist()]).set_index("pair_id", drop=False)


def _about(rows: pd.DataFrame) -> str:
    thumbnails = [name if isinstance(name, str) and NAME.fullmatch(name) else "" for name in rows["thumbnail"]]
    captions = [one if len(one) <= CAPTION_CHARACTERS else one[:CAPTION_CHARACTERS] + "…" for one in rows["caption"]]
    told = {"pair_ids": rows.index.tolist(), "thumbnails": thumbnails, "captions": captions}
    return packed(zlib.compress(json.dumps(told, ensure_ascii=False).encode()))


def packed(values: bytes) -> str:
    """Bytes as text."""
    return base64.b64encode(values).decode()


@dataclass(frozen=True)
class Colours:
    """How points are coloured."""

    palette: str
    """suspicion (0 … 254, 254 is most suspect), influence (127 is 0, less hurts), labels or verdicts (a number each)"""
    values: np.ndarray
    """`[pairs]`, uint8; `UNKNOWN` for none"""
    legend: list[str]
    """words for the ends of the scale, or for 0, 1, …; strangers' text among them"""


def colours(colour: str, scores: pd.DataFrame, decisions: pd.DataFrame) -> Colours:
    """The colour of each pair.

    Args:
        colour: suspicion, p_wrong, influence, label or decided.
        scores: of the drawn pairs, in the order of the map, indexed by pair_id.
        decisions: standing decisions, indexed by pair_id.
    """
    if colour == "label":
        named = scores["label"].value_counts().index[:MOST_LABELS].tolist()
        values = np.where(scores["label"].isna(), UNKNOWN, MOST_LABELS)
        for number, name in enumerate(sorted(named)):
            values[(scores["label"] == name).to_numpy()] = number
        others = ["other labels"] if (values == MOST_LABELS).any() else []
        return Colours("labels", values.astype(np.uint8), sorted(named) + others)
    if colour == "decided":
        verdicts = decisions["verdict"].reindex(scores.index)
        values = verdicts.map({name: number + 1 for number, name in enumerate(VERDICTS)}).fillna(0)
        return Colours("verdicts", values.to_numpy(np.uint8), [SHOWS[name].lower() for name in ("open", *VERDICTS)])
    numbers = scores[colour].to_numpy(dtype=float)
    if colour == "influence":
        scale = np.nanquantile(np.abs(numbers), 0.98) if np.isfinite(numbers).any() else 0.0
        levels, legend = 127 + 127 * np.clip(numbers / (scale or 1.0), -1, 1), ["hurts", "helps"]
    else:
        levels = 254 * np.clip(numbers, 0, 1)
        legend = ["looks right", "most suspicious"] if colour == "suspicion" else ["surely right", "surely wrong"]
    palette = "influence" if colour == "influence" else "suspicion"
    return Colours(palette, np.where(np.isnan(levels), UNKNOWN, np.rint(levels)).astype(np.uint8), legend)


def label_names(points: np.ndarray, labels: pd.Series) -> list[dict[str, Any]]:
    """Where the labels are that lie together: name, x, y, for at most `2 * MOST_LABELS` of them."""
    found = []
    for name in labels_of(labels.value_counts().index[: 2 * MOST_LABELS]):
        own = points[(labels == name).to_numpy()].astype(float)
        middle = np.median(own, axis=0)
        if len(own) >= 3 and (np.linalg.norm(own - middle, axis=1) <= NEAR).mean() >= LEAST_GATHERED:
            found.append({"name": name, "x": int(middle[0]), "y": int(middle[1])})
    return found


def gathering(points: np.ndarray) -> np.ndarray | None:
    """The square of the map in which more of the most suspicious pairs lie than chance would put there.

    Args:
        points: `[pairs, 2]`, most suspicious first.

    Returns:
        Its corners, `[4, 2]`; None where no square stands out by four standard deviations.
    """
    cells, cell = 2 * SQUARES, 65536 / (2 * SQUARES)
    where = (points // cell).astype(int)
    suspicious = max(1, round(SUSPICIOUS_SHARE * len(points)))
    counts = [np.histogram2d(*some.T, bins=cells, range=[[0, cells]] * 2)[0] for some in (where, where[:suspicious])]
    everyone, odd = (sum(np.roll(one, (-i, -j), (0, 1)) for i in (0, 1) for j in (0, 1))[:-1, :-1] for one in counts)
    share = suspicious / len(points)
    excess = (odd - share * everyone) / np.sqrt(share * (1 - share) * everyone + 1)
    x, y = np.unravel_index(excess.argmax(), excess.shape)
    if excess[x, y] < 4:
        return None
    return cell * np.array([[x, y], [x + 2, y], [x + 2, y + 2], [x, y + 2]])


def corners_of(area: str | None) -> np.ndarray | None:
    """The corners that the text of an area stands for, `[corners, 2]`; None if it stands for none.

    Args:
        area: four digits of `DIGITS` a corner, two for x and two for y; it comes from the address bar.
    """
    if not area or len(area) % 4 or not 3 <= len(area) // 4 <= MOST_CORNERS or not set(area) <= set(DIGITS):
        return None
    digits = np.array([DIGITS.index(one) for one in area]).reshape(-1, 2, 2)
    return CORNER_STEP * (64.0 * digits[:, :, 0] + digits[:, :, 1]) + CORNER_START


def area_of(corners: np.ndarray) -> str:
    """The text of an area with these corners, `[corners, 2]`, each moved to the grid."""
    numbers = np.clip(np.rint((np.asarray(corners) - CORNER_START) / CORNER_STEP), 0, 4095).astype(int)
    return "".join(DIGITS[one // 64] + DIGITS[one % 64] for one in numbers.ravel())


def inside(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Which points lie inside a closed polygon by the even–odd rule, `[points]`.

    Args:
        points: `[points, 2]`.
        corners: `[corners, 2]`; the last is joined to the first.
    """
    x, y = points[:, 0].astype(float), points[:, 1].astype(float)
    found = np.zeros(len(points), dtype=bool)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y1 != y2:
            found ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return found
