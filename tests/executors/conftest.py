"""Ray reads its settings when it is imported and its workers inherit paths: both are made before a test here runs."""

import os
from pathlib import Path

from engine.executors.connection import before_ray

ROOT = Path(__file__).resolve().parents[2]
before_ray(None)
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(ROOT), str(ROOT / "tests"), *filter(None, [os.environ.get("PYTHONPATH")])]
)
