"""The doctor: polls each workspace once, records every step, and reports what is wrong and what to do."""
