"""The Telegram front of the gateway."""
