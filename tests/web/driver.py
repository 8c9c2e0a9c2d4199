"""The widget as a patient sees it: what tests click and read."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

QUESTION = "Why does my gut hurt after a bad night?"


class Chat:
    """The widget on one page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator("vagus-chat")
        self.launcher = self.root.get_by_role("button", name="Ask a question")
        self.dialog = self.root.locator("dialog.panel")
        self.log = self.root.get_by_role("log")
        self.input = self.root.get_by_role("textbox")
        self.questions = self.root.locator(".you")
        self.replies = self.root.locator(".bot")
        self.cards = self.root.locator(".bot.k-answer")
        self.alarms = self.root.get_by_role("alert")
        self.outage = self.root.locator(".outage")
        self.toast = self.root.locator(".toast")
        self.confirmation = self.root.locator("dialog.sure")

    def visit(self, path: str = "/") -> Chat:
        """Loads a page and leaves the chat closed."""
        self.page.goto(path)
        return self

    def open(self, path: str = "/") -> Chat:
        """Loads a page and opens the chat; returns once the greeting is there."""
        self.visit(path).launcher.click()
        expect(self.replies.first).to_be_visible()
        return self

    def ask(self, text: str = QUESTION) -> Chat:
        """Types a question and sends it with Enter."""
        self.input.fill(text)
        self.input.press("Enter")
        return self

    def button(self, name: str) -> Locator:
        """A button of the widget by its exact name."""
        return self.root.get_by_role("button", name=name, exact=True)

    def choose(self, name: str) -> None:
        """Takes an item of the menu."""
        self.button("Options").click()
        self.button(name).first.click()

    def erase(self) -> None:
        """Erases the chat and confirms it."""
        self.choose("Erase my chat")
        self.confirmation.get_by_role("button", name="Erase my chat").click()

    def eventually(self, holds: Callable[[], bool], seconds: float = 5) -> None:
        """Waits, with the page running, until something outside the page holds."""
        for _ in range(int(seconds * 50)):
            if holds():
                return
            self.page.wait_for_timeout(20)
        raise AssertionError(f"did not come to hold within {seconds} s")
