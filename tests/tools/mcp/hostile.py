"""An MCP server by hand that misbehaves as its first argument says; run as a file, over its standard streams."""

import json
import os
import sys
import time

KIND = sys.argv[1] if len(sys.argv) > 1 else "good"
STATE = sys.argv[2] if len(sys.argv) > 2 else ""
ECHO = {
    "name": "echo",
    "description": "Say it again.",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    "annotations": {"readOnlyHint": True, "idempotentHint": True},
}


def send(message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def note(line):
    if STATE:
        with open(STATE, "a") as state:
            state.write(json.dumps(line) + "\n")


def listing():
    if KIND == "schemas":
        loop = {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:1/x"}}}
        return [ECHO, {**ECHO, "name": "reaching", "inputSchema": loop}]
    if KIND == "task":
        return [ECHO, {**ECHO, "name": "long", "execution": {"taskSupport": "required"}}]
    if KIND == "late":
        return [ECHO] if LISTED > 1 else []
    if KIND == "same":
        return [ECHO, {**ECHO, "name": "e:cho", "description": None}]
    if KIND == "copies":
        return [{**ECHO, "outputSchema": {"type": "object", "properties": {"n": {"type": "array"}}}}]
    if KIND in ("mismatch", "none"):
        return [{**ECHO, "outputSchema": {"type": "object", "properties": {"n": {"type": "integer"}}}}]
    return [ECHO]


def answer(number, params):
    text = params["arguments"].get("text", "")
    note({"call": params})
    if KIND == "hang" or text == "hang":
        return None
    if KIND == "die" or text == "die":
        print("out of luck", file=sys.stderr, flush=True)
        os._exit(3)
    if KIND == "stuck" and text == "stick":
        time.sleep(3600)
    if KIND == "endless":
        while True:
            os.write(1, b"x" * 1_000_000)
    if KIND == "flood":
        while True:
            send({"method": "notifications/message", "params": {"level": "info", "data": "x" * 1000}})
    if KIND == "progress":
        token = params.get("_meta", {}).get("progressToken")
        for done, total in ((1, 4), (-1, 0), (3, 4)) if token is not None else ():
            said = {"progressToken": token, "progress": done, "total": total, "message": f"{done} of {total}"}
            send({"method": "notifications/progress", "params": said})
            time.sleep(0.1)
    if KIND == "nonsense":
        return send({"id": number, "result": {"content": [{"type": "hologram"}]}})
    if KIND == "chatter":
        print("Traceback: this is no message")
        send({"id": 999, "result": {}})
        send({"method": "notifications/tools/list_changed"})
    if KIND == "refuse":
        return send({"id": number, "error": {"code": -32602, "message": "no such text"}})
    if KIND == "soft":
        return send({"id": number, "result": {"isError": True, "content": [{"type": "text", "text": "disk is full"}]}})
    if KIND == "mismatch":
        return send({"id": number, "result": {"content": [], "structuredContent": {"n": "seven"}}})
    if KIND == "copies":
        image = {"type": "image", "data": "AAEC", "mimeType": "image/png"}
        return send({"id": number, "result": {"content": [image], "structuredContent": {"n": [image, 7]}}})
    if KIND == "parts":
        content = [
            {"type": "text", "text": "seen"},
            {"type": "image", "data": "AAEC", "mimeType": "image/png"},
            {"type": "resource", "resource": {"uri": "file:///a.txt", "text": "inside"}},
        ]
        return send({"id": number, "result": {"content": content[:2] if text == "image" else content[::2]}})
    send({"id": number, "result": {"content": [{"type": "text", "text": f"you said: {text}"}]}})
    return None


LISTED = 0


def main():
    global LISTED
    if KIND == "mute":
        time.sleep(3600)
    if KIND == "absent":
        print("config missing", file=sys.stderr, flush=True)
        os._exit(7)
    note({"start": os.getpid()})
    for line in sys.stdin:
        message = json.loads(line)
        method, number = message.get("method"), message.get("id")
        if method == "initialize":
            info = {"name": "hand", "version": "1"}
            send({"id": number, "result": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                                           "serverInfo": info}})  # fmt: skip
        elif method == "tools/list":
            LISTED += 1
            if KIND == "late" and LISTED == 1:
                send({"method": "notifications/tools/list_changed"})
            send({"id": number, "result": {"tools": listing()}})
        elif method == "tools/call":
            answer(number, message["params"])
        elif method == "notifications/cancelled":
            note({"cancelled": message["params"]["requestId"]})
        elif number is not None:
            send({"id": number, "error": {"code": -32601, "message": "no such method"}})


main()
