"""A strict fake of the Mihu trunks API over a real socket, for the demo, load tests and the test suite.

It shares nothing with the client's idea of the API, so that the two can disagree.
"""
