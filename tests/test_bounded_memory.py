"""Nothing that is done with mapped features holds all of them: shown by a limit that such a copy would break."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = """
import resource, sys
from pathlib import Path

import numpy as np
import torch

torch.set_num_threads(1)
from engine.batches import BatchSegmentation
from engine.contrastive import ClipLoss
from engine.crossfit.canonical import Moments
from engine.crossfit.spaces import FoldFitter
from engine.crossfit.inputs import PairInputs
from engine.curvature import GaussNewton
from engine.directional import HeadsFeatureMap
from engine.feature_rows import UnitRows, chosen, chunks_of, kept_aside, mapped
from engine.influence.disturbance import disturbances
from engine.influence.scores import segmented_scores
from engine.models.interface import Heads, identity_head
from engine.objective import summed_loss
from engine.signals.health import health
from engine.signals.near_copies import near_copies
from engine.signals.suggestions import suggested_captions
from engine.signals import suggestions
import engine.signals.health

num_pairs, dim, folder = 100_000, 256, Path(sys.argv[1])
heads = Heads(identity_head(dim), identity_head(dim), torch.tensor(2.6))
image, text = (mapped(folder / f"{name}.npy", torch.device("cpu"), torch.float32) for name in ("image", "text"))
order = torch.randperm(num_pairs, generator=torch.Generator().manual_seed(0))
image, text = chosen(image, order), chosen(text, order)
whole = HeadsFeatureMap(heads, text, image)
batches = BatchSegmentation(tuple(np.arange(num_pairs).reshape(-1, 125)), num_pairs)
direction = torch.ones(1, 2 * dim * dim)
few, some = (BatchSegmentation(batches.batches[:number], num_pairs) for number in (2, 60))  # of all pairs
suggestions.MOST_CANDIDATES = 500
engine.signals.health.MOST_COMPARED = 500  # what two of these are apart is held, however many pairs there are


def everything(segmentation):
    segmented_scores(whole, ClipLoss(), [segmentation], direction)
    disturbances(whole, ClipLoss(), [segmentation], direction, 4)
    GaussNewton(whole, ClipLoss(), segmentation).matvec(direction)
    summed_loss(whole, ClipLoss(), segmentation.batches)


def limit(bytes_more):
    used = next(one for one in open("/proc/self/status") if one.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (int(used.split()[1]) * 1024 + bytes_more,) * 2)


everything(few)  # what libraries keep for themselves is taken before
rows = [UnitRows(whole, kind, num_pairs) for kind in ("image", "text")]
health(*(UnitRows(whole, kind, 20_000) for kind in ("image", "text")))
limit(int(sys.argv[2]) * 2**20)
everything(some)
health(*rows)
suggested_captions(*rows, [f"caption {n}" for n in range(num_pairs)])
near_copies(image, 0.98)
kept_aside((rows[0][part] for part in chunks_of(num_pairs, 4096)), num_pairs, dim, rows[0][:0], folder)
fitter = FoldFitter(
    PairInputs(image, text, order.numpy(), order.numpy(), order.numpy(), 0, (), None, heads), np.arange(num_pairs) % 5
)
fitter.moments(fitter.inputs, torch.ones(num_pairs))
try:
    image[:]
    print("a copy of all fits")
except RuntimeError:
    print("a copy of all would not have fitted")
"""


@pytest.mark.alone
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_no_step_holds_all_features(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for name in ("image", "text"):
        np.save(tmp_path / f"{name}.npy", generator.standard_normal((100_000, 256), np.float32))
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), "90"], capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1", "PATH": ""},
    )  # fmt: skip
    assert found.stdout.strip() == "a copy of all would not have fitted", found.stderr[-2000:]
