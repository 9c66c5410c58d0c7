"""Grafana dashboards: authored in Python, generated as JSON."""
