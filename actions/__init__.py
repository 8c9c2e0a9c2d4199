"""rasa-sdk actions: glue between the dialogue and `knowledge`. Importing this package opens nothing."""
