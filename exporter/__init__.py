"""Prometheus exporter for the external trunks of Mihu workspaces.

Data flows one way: configuration, poller, API client, fleet, exposition, web server.
"""

__version__ = "0.1.0"
