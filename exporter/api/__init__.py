"""The Mihu API as a client sees it."""
