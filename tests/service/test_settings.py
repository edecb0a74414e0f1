"""Settings: from the environment, checked, frozen."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from service.settings import Settings


def test_everything_embedded_lies_in_the_data_folder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    assert settings.database == f"sqlite:///{tmp_path}/polarizer.db"
    assert settings.store == f"file://{tmp_path}/store"
    assert settings.broker == "filesystem://"
    for folder in (settings.spool_dir, settings.jobs_dir, settings.cache_dir):
        assert folder.parent == tmp_path


def test_a_relative_data_folder_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(data_dir=Path("data")).spool_dir == tmp_path / "data" / "spool"


def test_sources_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARIZER_SOURCES", "s3://a/b, s3://c,")
    assert Settings().sources == ("s3://a/b", "s3://c")


def test_an_empty_webhook_key_is_none_and_a_short_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POLARIZER_WEBHOOK_KEY", "")
    assert Settings().webhook_key is None
    monkeypatch.setenv("POLARIZER_WEBHOOK_KEY", "short")
    with pytest.raises(ValidationError):
        Settings()


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARIZER_S3_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("POLARIZER_S3_SECRET_ACCESS_KEY", "hush")
    assert "hush" not in repr(Settings())


@pytest.mark.parametrize(
    "given", [{"port": -1}, {"s3_access_key_id": "alone"}, {"max_attempts": 0}, {"log_format": "x"}]
)
def test_nonsense_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings(**given)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]
