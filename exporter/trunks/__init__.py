"""What the exporter knows of trunks: one trunk, its place in the list, what is expected of it."""
