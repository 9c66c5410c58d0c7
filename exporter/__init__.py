"""Prometheus exporter for the external trunks of Mihu workspaces."""

__version__ = "0.1.0"
