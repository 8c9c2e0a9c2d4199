"""Pictures of the widget, for people to look at, in var/screenshots, in CI too.

`VAGUS_SHOTS=1` re-takes the two in docs/images.
With `VAGUS_URL=http://127.0.0.1:8000` those two come from the gateway that runs there.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.web.conftest import PHONE, SCREENSHOTS, NewContext
from tests.web.driver import Chat
from tests.web.fake_api import CRISIS, EMERGENCY, Fake, Server

pytestmark = pytest.mark.browser

IMAGES = Path(__file__).parents[2] / "docs" / "images"
LARGEST = 150_000
QUESTION = "Can stress make chronic pain worse?"

SMALL = {**PHONE, "viewport": {"width": 320, "height": 568}}
DESKTOP = {"viewport": {"width": 1280, "height": 800}}
LOOKS: dict[str, dict[str, Any]] = {
    "phone": {**PHONE, "device_scale_factor": 2},
    "phone-tall": {**PHONE, "device_scale_factor": 2, "viewport": {"width": 390, "height": 1000}},
    "phone-dark": {**PHONE, "color_scheme": "dark"},
    "phone-320": SMALL,
    "phone-320-dark": {**SMALL, "color_scheme": "dark"},
    "desktop": DESKTOP,
    "desktop-dark": {**DESKTOP, "color_scheme": "dark"},
    "zoom-200": {"viewport": {"width": 640, "height": 400}},
    "forced-colours": {**DESKTOP, "forced_colors": "active"},
}


@pytest.mark.parametrize("look", sorted(LOOKS.keys() - {"phone-tall"}))
def test_picture_of_every_state(new_context: NewContext, fake: Fake, look: str) -> None:
    fake.answers.update({"chest": [EMERGENCY], "live": [CRISIS]})
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    chat = Chat(new_context(**LOOKS[look]).new_page())

    def shoot(state: str) -> None:
        chat.page.screenshot(path=SCREENSHOTS / f"{look}-{state}.png", animations="disabled")

    chat.visit()
    expect(chat.launcher).to_be_visible()
    shoot("1-closed")
    chat.open()
    shoot("2-open")
    chat.ask(QUESTION)
    expect(chat.cards).to_have_count(1)
    shoot("3-answer")
    chat.button("No").click()
    expect(chat.root.get_by_text("Thank you.")).to_be_visible()
    chat.button("Save for my appointment").last.scroll_into_view_if_needed()
    shoot("4-feedback")
    chat.ask("my chest is tight")
    expect(chat.alarms).to_have_count(1)
    shoot("5-emergency")
    chat.ask("i do not want to live")
    expect(chat.alarms).to_have_count(2)
    shoot("6-crisis")
    chat.button("Options").click()
    shoot("7-menu")
    chat.button("Erase my chat").click()
    shoot("8-erase")
    chat.button("Keep this chat").click()
    chat.page.context.set_offline(True)
    chat.ask("hello?")
    expect(chat.outage).not_to_be_empty()
    shoot("9-offline")
    chat.page.context.set_offline(False)
    expect(chat.outage).to_be_empty()
    with chat.page.expect_popup() as opened:
        chat.choose("Save for my appointment")
    expect(opened.value.get_by_role("heading", level=1)).to_be_visible()
    opened.value.screenshot(path=SCREENSHOTS / f"{look}-10-appointment.png", full_page=True)
    assert len(list(SCREENSHOTS.glob(f"{look}-*.png"))) >= 10


@pytest.mark.parametrize(("name", "look"), [("widget-phone", "phone-tall"), ("widget-desktop", "desktop")])
def test_pictures_of_the_readme_are_there_and_light(
    new_context: NewContext, fake: Fake, server: Server, name: str, look: str
) -> None:
    picture = IMAGES / f"{name}.png"
    if os.environ.get("VAGUS_SHOTS"):
        chat = Chat(new_context(**{**LOOKS[look], "base_url": os.environ.get("VAGUS_URL", server.url)}).new_page())
        chat.open().ask(QUESTION)
        expect(chat.cards).to_have_count(1)
        chat.page.mouse.move(5, 5)
        chat.input.blur()
        picture.parent.mkdir(parents=True, exist_ok=True)
        shot = Image.open(io.BytesIO(chat.page.screenshot(animations="disabled")))
        shot.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(picture, optimize=True)
    assert 10_000 < picture.stat().st_size < LARGEST
