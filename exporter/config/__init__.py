"""The configuration: the typed document, loaded with every problem by its key path."""
