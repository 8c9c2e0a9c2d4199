from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bot.gateway import __main__ as command
from bot.gateway.settings import GatewaySettings
from knowledge.errors import SettingsError

FIELDS = dataclasses.fields(GatewaySettings)


def variable(name: str) -> str:
    return name.upper() if name.startswith("telegram") else f"VAGUS_{name.upper()}"


def test_settings_default_to_a_private_address_and_sane_limits() -> None:
    settings = GatewaySettings.from_env({})
    assert settings == GatewaySettings()
    assert settings.host == "127.0.0.1"
    assert settings.rasa_url.startswith("http://127.0.0.1:")
    assert min(settings.messages_per_minute, settings.requests_per_minute, settings.sessions_per_hour) > 0
    assert settings.retention_hours <= 24
    assert settings.telegram_token == ""
    assert settings.proxies == {"127.0.0.1", "::1"}


@pytest.mark.parametrize("name", [field.name for field in FIELDS])
def test_settings_each_have_their_environment_variable(name: str) -> None:
    default = getattr(GatewaySettings(), name)
    raw = "/srv/x" if isinstance(default, Path) else "3" if isinstance(default, int | float) else "other"
    value = getattr(GatewaySettings.from_env({variable(name): raw}), name)
    assert value == type(default)(raw) if isinstance(default, int | float) else str(value) == raw
    assert variable(name) in (GatewaySettings.__doc__ or "")


@pytest.mark.parametrize("name", [field.name for field in FIELDS if str(field.type) in ("int", "float")])
@pytest.mark.parametrize(
    ("raw", "said"), [("many", "'many' is no number. Write it in digits."), ("-1", "-1 is negative.")]
)
def test_settings_name_the_variable_that_makes_no_sense(name: str, raw: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        GatewaySettings.from_env({variable(name): raw})
    assert str(caught.value).startswith(f"{variable(name)}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize("raw", ["nan", "inf", "1e999"])
def test_settings_refuse_numbers_that_are_none(raw: str) -> None:
    with pytest.raises(SettingsError, match="VAGUS_RASA_TIMEOUT"):
        GatewaySettings.from_env({"VAGUS_RASA_TIMEOUT": raw})


def test_settings_read_an_empty_variable_as_not_set() -> None:
    assert GatewaySettings.from_env({"VAGUS_PORT": ""}).port == 8000


def test_settings_split_the_trusted_proxies() -> None:
    settings = GatewaySettings.from_env({"VAGUS_TRUSTED_PROXIES": " 10.0.0.1, ,10.0.0.2 "})
    assert settings.proxies == {"10.0.0.1", "10.0.0.2"}


def test_settings_keep_the_database_under_var_unless_named() -> None:
    assert GatewaySettings(var=Path("/srv/v")).database_url == "sqlite:////srv/v/gateway.db"
    assert GatewaySettings(database="postgresql://db/vagus").database_url == "postgresql://db/vagus"


def test_settings_hide_secrets_when_printed() -> None:
    shown = repr(GatewaySettings(smtp_password="hunter2", telegram_token="12:abc"))
    assert "hunter2" not in shown
    assert "12:abc" not in shown


def test_command_line_tells_a_bad_setting_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAGUS_PORT", "eighty")
    assert command.main([]) == 1
    assert capsys.readouterr().err == "error: VAGUS_PORT: 'eighty' is no number. Write it in digits.\n"
