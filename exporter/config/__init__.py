"""The configuration: its model, and loading it with all problems by key path."""
