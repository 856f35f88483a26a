"""One entry of traffic of each kind."""

from typing import Any

from maestro_operator.model.pair import Traffic

ADDRESSES = {"a": "10.77.0.11", "b": "10.77.0.12"}
FLOATING, PUBLIC, STRANGERS_ADDRESS = "10.77.0.80", "198.51.100.80", "10.77.0.99"
HOST = {"host": "gateway.example.net", "hostKey": "ssh-ed25519 gateway", "credentialsSecret": {"name": "ssh"}}
_FORMS: dict[str, dict[str, Any]] = {
    "dns": {
        "servers": ["10.77.0.53"],
        "zone": "example.org",
        "names": ["maestro.example.org"],
        "ttlSeconds": 5,
        "tsigSecret": {"name": "tsig"},
    },
    "floatingAddress": {"address": FLOATING, "prefixLength": 24, "interface": "lan"},
    "nat": {"address": PUBLIC, "ports": [80], "ssh": HOST},
    "endpointSlice": {"service": "maestro", "ports": [{"name": "http", "port": 80}]},
    "externalDNS": {"names": ["lists.example.org"]},
    "command": {"ssh": HOST, "read": ["/opt/where"], "move": ["/opt/send", "{{ address }}"]},
}
SIX_KINDS = {kind: Traffic.model_validate({"name": f"by-{kind.lower()}", kind: form}) for kind, form in _FORMS.items()}
"""By kind, in the order of the documentation."""
