"""The dashboards, and the parts they are made of."""
