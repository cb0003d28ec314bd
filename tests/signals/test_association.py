"""Association, against the densities of two multivariate normals."""

from dataclasses import replace

import torch
from spaces import own_and_made, space
from torch.distributions import MultivariateNormal

from engine.signals.association import Association, association_table, paired_association
from engine.signals.interface import Variates
from engine.signals.similarity import ModelSimilarity, Similarity


def variates(num_pairs: int = 7, dim: int = 3) -> Variates:
    generator = torch.Generator().manual_seed(0)
    image, text = (torch.randn(num_pairs, dim, generator=generator, dtype=torch.float64) for _ in range(2))
    return Variates(image, text, torch.tensor([0.9, 0.4, 0.0], dtype=torch.float64))


def density_ratio(one: Variates, image: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    """log N([a, b]; 0, [[I, R], [R, I]]) − log N([a, b]; 0, I)."""
    dim = len(one.correlations)
    alone = torch.eye(2 * dim, dtype=torch.float64)
    joint = alone.clone()
    joint[:dim, dim:] = joint[dim:, :dim] = one.correlations.diag()
    both = torch.cat([image, text])
    return MultivariateNormal(torch.zeros_like(both), joint).log_prob(both) - MultivariateNormal(
        torch.zeros_like(both), alone
    ).log_prob(both)


def test_association_is_the_log_ratio_of_two_densities() -> None:
    one = variates()
    expected = torch.stack([density_ratio(one, a, b) for a, b in zip(one.image, one.text, strict=True)])
    torch.testing.assert_close(paired_association(one, one.image, one.text), expected)
    assert expected.min() < 0 and expected.std() > 0.1


def test_the_table_holds_every_pair_from_either_side() -> None:
    one = variates()
    expected = torch.stack([torch.stack([density_ratio(one, a, b) for b in one.text]) for a in one.image])
    torch.testing.assert_close(association_table(one, one.image, one.text), expected)
    torch.testing.assert_close(association_table(one, one.text, one.image), expected.T)
    torch.testing.assert_close(paired_association(one, one.image[:, None], one.text[None]), expected)


def test_without_correlation_nothing_is_learned_from_a_pair() -> None:
    one = replace(variates(), correlations=torch.zeros(3, dtype=torch.float64))
    assert (paired_association(one, one.image, one.text) == 0).all()


def test_candidates_take_the_image_of_one_pair_and_the_caption_of_the_other() -> None:
    one = space()
    found, asked = Association()(own_and_made(one)), own_and_made(one)
    pairs = zip(asked.images.tolist(), asked.texts.tolist(), strict=True)
    expected = [density_ratio(one.variates, one.variates.image[i], one.variates.text[j]) for i, j in pairs]
    torch.testing.assert_close(found, torch.stack(expected))
    assert found[:20].mean() > found[20:].mean()
    cosine = Similarity()(asked)
    torch.testing.assert_close(cosine[25], one.image[5] @ one.text[asked.texts[25]])


def test_the_model_itself_speaks_only_where_it_may() -> None:
    asked = own_and_made(space())
    assert ModelSimilarity()(asked).isnan().all() and ModelSimilarity()(asked).shape == (40,)
    spoken = replace(space(), model_similarity=lambda images, texts: (images - texts).double())
    found = ModelSimilarity()(own_and_made(spoken))
    torch.testing.assert_close(found, (asked.images - asked.texts).double())
    assert found.abs().max() > 0
