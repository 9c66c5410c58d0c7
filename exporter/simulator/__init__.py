"""A strict fake of the Mihu trunks API. It shares nothing with the client, so that the two can disagree."""
