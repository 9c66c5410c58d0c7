"""The HTTP server: routes, authentication, TLS and limits."""
