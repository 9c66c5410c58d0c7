"""The trunks of a workspace with all that is known of them, for the status page and for ``once``."""
