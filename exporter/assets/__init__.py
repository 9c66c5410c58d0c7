"""Rules, dashboards, runbooks and examples for this version, in ``files``.

In a checkout ``files`` links to deploy/; the wheel has copies.
"""
