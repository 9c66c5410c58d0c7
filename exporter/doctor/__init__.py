"""The doctor: polls each workspace once, watches closely, and says in plain words what it saw and what to do."""
