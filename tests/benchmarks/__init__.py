"""How fast and how large: side by side with what people would use instead."""
