"""Named faults of the simulated API: everything that a client meets sooner or later, on demand."""
