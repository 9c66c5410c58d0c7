"""Who may come in, and how: the file of ``--web.config.file``, TLS and passwords."""
