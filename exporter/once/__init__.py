"""One poll of every workspace, for scripts, people and node_exporter's textfile collector."""
