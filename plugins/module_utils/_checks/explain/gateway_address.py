# Copyright (c) 2026, the meshwright.istio authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Private to this collection: may change in any release.

"""The address of a gateway: a Service that waits for one, and what to do about what istiod says. Pure."""

from __future__ import annotations

from ..snapshot import Obj, dig, name_of, namespace_of, ref
from .model import Step

_ADDRESS = "Its address"


def remedy(reason: str, obj: Obj) -> str:
    """What mends a Gateway of which istiod says this reason."""
    return {
        "AddressNotAssigned": "Its Service waits for an address: install a load balancer (MetalLB, the cloud's), or "
        "annotate the Gateway networking.istio.io/service-type: ClusterIP (or NodePort).",
        "AddressNotUsable": "spec.addresses names what cannot be used: correct it.",
        "ListenersNotValid": "Mend the listeners, as told before.",
    }.get(reason, f"kubectl -n {namespace_of(obj)} describe gateway {name_of(obj)}")


def is_pending(service: Obj) -> bool:
    """Whether a Service of type LoadBalancer has no address yet."""
    return dig(service, "spec", "type") == "LoadBalancer" and not (
        dig(service, "status", "loadBalancer", "ingress") or dig(service, "spec", "externalIPs")
    )


def pending_step(service: Obj) -> Step:
    ports = ", ".join(str(one.get("port")) for one in dig(service, "spec", "ports") or ())
    return Step(
        "address",
        _ADDRESS,
        "broken",
        f"{ref(service)} is of type LoadBalancer and has no address (pending): from outside it cannot be reached.",
        (ref(service),),
        (f"clusterIP {dig(service, 'spec', 'clusterIP')}, ports {ports}",),
        remedy("AddressNotAssigned", service),
    )
