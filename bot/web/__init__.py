"""The website chat widget: static files, and the command that pins its launcher."""
