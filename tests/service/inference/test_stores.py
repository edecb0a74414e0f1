"""A model is served from either store."""

from __future__ import annotations

from pathlib import Path

import torch

from tests.service.conftest import Site
from tests.service.inference.artefacts import add_model, encoded, make_artefact, random_images
from tests.service.inference.asking import ask, probabilities


def test_a_model_of_either_store_is_served(site: Site, tmp_path: Path) -> None:
    model = make_artefact(tmp_path, 1)
    image = random_images(1, seed=11)
    model_id = add_model(site.resources, model)
    found = probabilities(ask(site, model_id, encoded(image[0]), top="7"), 7)
    torch.testing.assert_close(found, model.probabilities(image), atol=1e-5, rtol=0)
