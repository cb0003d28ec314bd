"""Small spaces in float64 for tests of signals."""

from __future__ import annotations

import numpy as np
import torch

from engine.signals.interface import Candidates, Space, Variates


def space(num_pairs: int = 60, embed_dim: int = 6, num_classes: int = 3, seed: int = 0) -> Space:
    """Pairs in classes, whose image and caption features resemble each other."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    labels = torch.arange(num_pairs) % num_classes
    shared = noise(num_classes, embed_dim)[labels] + 0.7 * noise(num_pairs, embed_dim)
    image, text = (torch.nn.functional.normalize(shared + 0.4 * noise(num_pairs, embed_dim), dim=1) for _ in range(2))
    probabilities = (2 * torch.nn.functional.one_hot(labels, num_classes) + noise(num_pairs, num_classes)).softmax(1)
    return Space(
        image=image,
        text=text,
        logit_scale=10.0,
        variates=Variates(image, text, torch.full((embed_dim,), 0.5, dtype=torch.float64)),
        trust=torch.ones(num_pairs, dtype=torch.float64),
        references=torch.arange(num_pairs),
        caption_ids=torch.arange(num_pairs),
        image_ids=torch.arange(num_pairs),
        labels=labels.numpy(),
        class_probabilities=probabilities.numpy(),
    )


def own_and_made(one: Space) -> Candidates:
    """The first 20 pairs as they are, then 20 images with captions of other pairs."""
    images = torch.arange(20).repeat(2)
    texts = torch.cat([torch.arange(20), torch.from_numpy(np.random.default_rng(0).permutation(np.arange(20, 40)))])
    return Candidates(one, images, texts)
