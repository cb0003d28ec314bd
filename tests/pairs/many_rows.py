"""A table of any number of rows with few pictures and one bad row, and what checking it takes.

python tests/pairs/many_rows.py FOLDER 1000000 csv
"""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

NUM_PICTURES = 2000
BAD_ROW = 0.7
"""share of the rows before it"""


def write_many_rows(folder: Path, num_rows: int, suffix: str) -> Path:
    """pairs.csv, .jsonl or .parquet beside its pictures; one row names a picture that is not there."""
    random = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number in range(NUM_PICTURES):
        path = folder / "images" / f"{number:05d}.png"
        if not path.exists():
            Image.fromarray(random.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(path)
    names = np.array([f"images/{number:05d}.png" for number in range(NUM_PICTURES)], dtype=object)
    images = names[np.arange(num_rows) % NUM_PICTURES]
    images[int(BAD_ROW * num_rows)] = "images/none.png"
    captions = [
        f"picture {number} of a large set, with some words about what it may show" for number in range(num_rows)
    ]
    table = pd.DataFrame({"image": images, "caption": captions})
    path = folder / f"pairs.{suffix}"
    if suffix == "parquet":
        table.to_parquet(path, index=False)
    elif suffix == "jsonl":
        table.to_json(path, orient="records", lines=True, force_ascii=False)
    else:
        table.to_csv(path, index=False)
    return path


def checked(path: Path) -> dict:
    """What `ecif check` says of a table, its seconds and its peak memory, in a process of its own."""
    out, started = path.with_suffix(".check.json"), time.monotonic()
    command = [sys.executable, "-m", "engine", "check", str(path), "--json", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    found = json.loads(out.read_text())
    unit = 1 if sys.platform == "darwin" else 1024
    return {
        "seconds": round(time.monotonic() - started, 1),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_megabytes": round(usage.ru_maxrss * unit / 2**20),
        **{name: found[name] for name in ("rows", "accepted", "rejected", "reasons")},
    }


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print(json.dumps(checked(write_many_rows(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))))
