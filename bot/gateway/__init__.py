"""The only public door: chat API, widget files, Telegram, health."""
