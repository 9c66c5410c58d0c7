"""Polling: walking the list page by page, deciding that it is whole, and keeping what it said."""
