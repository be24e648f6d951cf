"""python3 updater.py DEVICE current|status|check|update VERSION|cancel, with HANDOVER_URL and HANDOVER_TOKEN."""
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request


def api(method, route, body=None):
    request = urllib.request.Request(
        os.environ["HANDOVER_URL"] + "/api/v1" + route,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": "Bearer " + os.environ["HANDOVER_TOKEN"]},
    )
    if body is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as e:
        sys.exit(e.read().decode())


def releases():
    after = ""
    while after is not None:
        page = api("GET", "/releases?limit=500" + (after and "&after=" + urllib.parse.quote(after, "")))
        yield from page["items"]
        after = page["next"]


def newer(board):
    """The newest release for the board's base, or None."""
    actual = board["actual"] or sys.exit("it has not reported yet")
    blocked = [b["release"] for b in board["blocked"]]
    found = [
        (artifact["sequence"], release["version"])
        for release in releases()
        for artifact in release["artifacts"]
        if release["app"] == (board["app"] or release["app"])
        and release["id"] not in blocked
        and artifact["base"] == actual["base"]
        and artifact["sequence"] > actual["sequence"]
    ]
    return max(found)[1] if found else None


device, verb, *rest = sys.argv[1:]
path = "/devices/" + urllib.parse.quote(device, "")
if verb == "current":
    result = api("GET", path)["actual"]
elif verb == "status":
    board = api("GET", path)
    result = {"actual": board["actual"], "command": board["command"]}
elif verb == "check":
    result = {"available": newer(api("GET", path))}
elif verb == "update":
    result = api("POST", path + "/update", {"version": rest[0]})
elif verb == "cancel":
    result = api("POST", path + "/cancel")
else:
    sys.exit(__doc__)
print(json.dumps(result))
