"""Prometheus exporter for the external trunks of Mihu workspaces.

Data flows one way: config, poller, client, page, snapshot, exposition, web.
"""

__version__ = "0.1.0"
