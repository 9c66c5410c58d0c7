"""The status page: what polling has found and how it goes, for people, as HTML and as JSON."""
