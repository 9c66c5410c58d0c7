"""The client of the Mihu API."""
