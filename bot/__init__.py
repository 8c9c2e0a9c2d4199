"""What patients talk to: gateway, safety screen, dialogue data, widget, Telegram."""
