import re
from pathlib import Path

import pytest
import yaml

from actions.services import RESPONSES
from actions.wording import KINDS, Wording, WordingError

FILES = sorted(RESPONSES.glob("*.yml"))
CLICHES = r"just a bot|unfortunately|please be advised|kindly note|as an ai|i understand how you feel"


def responses():
    assert FILES, "no response files found"
    for path in FILES:
        for name, variations in yaml.safe_load(path.read_text())["responses"].items():
            yield pytest.param(variations[0]["custom"], id=name)


@pytest.mark.parametrize("reply", list(responses()))
def test_every_wording_keeps_the_house_voice(reply):
    text = reply["text"]
    assert reply["kind"] in KINDS
    assert not re.search(CLICHES, text, re.I)
    assert "!" not in text
    assert len(text.split()) <= 125
    for button in reply.get("buttons", []):
        assert 1 <= len(button["label"]) <= 40
        assert button["payload"].startswith(("/", "tel:", "sms:", "client:"))


@pytest.mark.parametrize("reply", list(responses()))
def test_every_wording_that_stands_alone_offers_a_next_step(services, reply):
    name_of_line = reply["text"].startswith(
        ("I didn't catch", "That doesn't look", "A short note", "Just a few", "Please say", "No problem")
    )
    filled_by_action = reply["kind"] in ("emergency", "crisis", "poison", "urgent") or reply.get("buttons") == []
    assert reply.get("buttons") or name_of_line or filled_by_action


def test_placeholders_are_filled_and_payload_braces_kept():
    template = {
        "schema": 1,
        "kind": "menu",
        "text": "Call {phone}.",
        "buttons": [{"label": "Go {phone}", "payload": '/a{"b": "c"}'}],
    }
    reply = Wording({"x": template}).reply("x", phone="1")
    assert reply["text"] == "Call 1."
    assert reply["buttons"] == [{"label": "Go 1", "payload": '/a{"b": "c"}'}]


def test_a_missing_value_is_an_error_not_a_hole():
    with pytest.raises(KeyError):
        Wording({"x": {"kind": "menu", "text": "Call {phone}."}}).reply("x")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("responses: {utter_a: [{text: bare}]}", "one `custom` payload"),
        ("responses: {utter_a: [{custom: {schema: 1, kind: joke, text: ha}}]}", "a kind out of"),
        ("responses: {utter_a: [{custom: {schema: 2, kind: menu, text: ha}}]}", "needs schema 1"),
    ],
)
def test_a_wrong_response_is_refused_by_file_and_name(tmp_path: Path, text, says):
    (tmp_path / "a.yml").write_text(text)
    with pytest.raises(WordingError, match="utter_a") as caught:
        Wording.load(tmp_path)
    assert says in str(caught.value)


def test_an_empty_folder_is_refused(tmp_path: Path):
    with pytest.raises(WordingError, match="belongs there"):
        Wording.load(tmp_path)
