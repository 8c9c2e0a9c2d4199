"""Errors of the safety screen. All of them mean that a shipped file is broken, none that a message is odd."""

from __future__ import annotations


class SafetyError(Exception):
    """Base class of this package's errors."""


class SafetyDataError(SafetyError):
    """A rule, word list, reply or weights file is missing or not what it should be."""
