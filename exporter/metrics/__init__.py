"""The metrics: what each family is, and how families become exposition."""
