"""What to do about each reason for a failure: written once, for the log, the doctor and the status page.

A fault that knows better says so itself: whoever has the fault shows its ``remedy``.
"""

from collections.abc import Mapping
from types import MappingProxyType

from exporter.mihu.reasons import Reason

# Each completes "… ; do this": a clause without a capital letter or a full stop.
REMEDIES: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.AUTH: "put a valid token in place, where authorization in the configuration says",
        Reason.PERMISSION: "give the token the permission to list phone numbers, or use another",
        Reason.NOT_FOUND: "check subdomain or base_url",
        Reason.RATE_LIMITED: "raise poll_timeout and poll_interval, or lower concurrency",
        Reason.SERVER_ERROR: "if it lasts, ask the vendor",
        Reason.TIMEOUT: "raise request_timeout if the API is slow, else check the network, proxy and firewall",
        Reason.CONNECTION: "check the address, DNS, proxy and firewall",
        Reason.TLS: "check tls_config, the address and the clock",
        Reason.REDIRECT: "check subdomain or base_url; redirects are not followed",
        Reason.INVALID_RESPONSE: "check subdomain or base_url; if it lasts, ask the vendor",
        Reason.API_ERROR: "if it lasts, ask the vendor",
        Reason.INCOMPLETE: "if it lasts, ask the vendor, or set verify_total to false",
        Reason.TOO_LARGE: "raise max_trunks or narrow the filter",
        Reason.CLIENT_ERROR: "check per_page, filter, and subdomain or base_url",
        Reason.INTERNAL: "please report it with the log",
    }
)
