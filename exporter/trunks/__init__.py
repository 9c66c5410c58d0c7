"""Trunks: their rows, attributes, expected channels, reasons to be out of service, and changes."""
