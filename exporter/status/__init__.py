"""The status page: trunks, workspaces and changes, for people as HTML, for programs as JSON."""
