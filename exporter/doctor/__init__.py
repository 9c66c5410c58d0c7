"""The doctor: polls each workspace once, records every step, and reports problems and remedies."""
