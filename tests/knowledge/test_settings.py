from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from knowledge.settings import ROOT, KnowledgeSettings


def test_settings_default_to_the_project_folders() -> None:
    settings = KnowledgeSettings.from_env({})
    assert settings == KnowledgeSettings()
    assert settings.articles == ROOT / "knowledge" / "articles"
    assert settings.clinic.is_file()


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(KnowledgeSettings)])
def test_settings_each_path_has_its_environment_variable(name: str) -> None:
    settings = KnowledgeSettings.from_env({f"VAGUS_{name.upper()}": "/srv/elsewhere"})
    assert getattr(settings, name) == Path("/srv/elsewhere")
    assert dataclasses.replace(settings, **{name: getattr(KnowledgeSettings(), name)}) == KnowledgeSettings()


def test_settings_keep_the_encoder_beside_the_index() -> None:
    assert KnowledgeSettings.from_env({"VAGUS_BUILD": "/srv/vagus"}).encoder == Path("/srv/vagus/encoder")


def test_settings_cannot_be_changed_once_built() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        KnowledgeSettings().build = Path("/tmp")  # type: ignore[misc]  # noqa: S108
