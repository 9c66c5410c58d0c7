"""Prometheus exporter for the external trunks of Mihu workspaces.

Data flows one way: config, poller, client, page, snapshot, exposition, web.
"""

from importlib.metadata import version

__version__ = version("mihu-trunk-exporter")
