"""What belongs beside an exporter: rules, dashboards, runbooks and examples, as ``files`` has them.

``files`` links to where they are written, in deploy/; the wheel has them as files.
"""
