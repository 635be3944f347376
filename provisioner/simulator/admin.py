"""The knobs while it runs, under /simulator/v1/ with the admin's bearer token.

GET/PATCH settings: see settings.py for the names; a PATCH changes what it names, all or nothing.
POST outage {"seconds": 5, "mode": "503" | "hang" | "close"}: every API answers so (health checks too) until it is over.
GET usage?namespace=&shoot=&from=&to=&step=: what a meter reader would have seen of a cluster; see time_machine.py.
GET stats: objects, shoots in motion, clusters awake, versions, memory.
POST maintenance {"at": "22:00"}: begins the maintenance windows that open in this minute of the day (UTC), now.
POST compact: forgets history, so that older resourceVersions get 410. POST drop-watches: ends every open watch.
"""

from __future__ import annotations

import re
import resource as usage
import sys
from typing import TYPE_CHECKING

from aiohttp import web

from provisioner.simulator.call import decode, read_body
from provisioner.simulator.errors import ApiError, Json, bad_request, no_such_path
from provisioner.simulator.represent import answer
from provisioner.simulator.time_machine import usage_of

if TYPE_CHECKING:
    from provisioner.simulator.landscape import Landscape

PREFIX = "/simulator/v1/"
_MAXRSS_A_MIB = 2**20 if sys.platform == "darwin" else 2**10  # getrusage(2): bytes on macOS, KiB on Linux


async def administer(landscape: Landscape, request: web.Request) -> web.Response:
    """Serve one request to the admin endpoint; raises 401, 404, 405 and 400."""
    if not landscape.authenticator.is_admin(request):
        raise ApiError(401, "Unauthorized", "the admin token is missing or wrong")
    match request.method, request.path.removeprefix(PREFIX).strip("/"):
        case ("GET" | "PATCH") as method, "settings":
            if method == "PATCH":
                landscape.settings.change(await _body(request))
            return answer(landscape.settings.as_json())
        case "POST", ("outage" | "maintenance") as what:
            return await HAPPENINGS[what](landscape, request)
        case "GET", "stats":
            return answer(_stats(landscape))
        case "GET", "usage":
            return answer(await usage_of(landscape, request.query))
        case "POST", "compact":
            for endpoint in landscape.endpoints():
                for collection in endpoint.collections.values():
                    collection.history.compact(landscape.store.version)
            return answer({"compacted_at": str(landscape.store.version)})
        case "POST", "drop-watches":
            return answer({"dropped": landscape.drop_watches()})
        case _, "settings" | "outage" | "maintenance" | "stats" | "usage" | "compact" | "drop-watches":
            raise ApiError(405, "MethodNotAllowed", f"{request.method} is not served here")
    raise no_such_path()


async def _body(request: web.Request) -> Json:
    body = decode(await read_body(request) or b"{}", allow_yaml=False)
    if not isinstance(body, dict):
        raise bad_request("the body must be an object")
    return body


async def _maintenance(landscape: Landscape, request: web.Request) -> web.Response:
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", str((await _body(request)).get("at", "")))
    if found is None:
        raise bad_request("at must be a time of the day as HH:MM, in UTC")
    return answer({"changed": await landscape.maintenance.begin(int(found[1]) * 60 + int(found[2]))})


async def _outage(landscape: Landscape, request: web.Request) -> web.Response:
    body = await _body(request)
    seconds, mode = body.get("seconds", 10), body.get("mode", "503")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise bad_request("seconds must be a number")
    landscape.faults.begin_outage(float(seconds), str(mode))
    if seconds and mode != "hang":
        landscape.drop_watches()
    return answer({"seconds": seconds, "mode": mode})


HAPPENINGS = {"outage": _outage, "maintenance": _maintenance}


def _stats(landscape: Landscape) -> Json:
    garden = landscape.garden
    return {
        "shoots": len(garden.collection("core.gardener.cloud", "shoots")),
        "shoots_moving": landscape.life.moving,
        "moves": landscape.life.moves,
        "clusters_awake": len(landscape.directory.awake),
        "watches": sum(endpoint.readers for endpoint in landscape.endpoints()),
        "resource_version": str(landscape.store.version),
        "requests": landscape.requests,
        "max_rss_mib": usage.getrusage(usage.RUSAGE_SELF).ru_maxrss // _MAXRSS_A_MIB,
    }
