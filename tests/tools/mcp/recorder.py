"""Stands between a client and a server's standard streams, and writes down what passes; run as a file, with a log and
the server's command."""

import json
import os
import subprocess
import sys
import threading

log, *command = sys.argv[1:]
server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def note(kind, what):
    with open(log, "a") as file:
        file.write(json.dumps({kind: what}) + "\n")


def sent():
    for line in sys.stdin.buffer:
        note("sent", json.loads(line))
        server.stdin.write(line)
        server.stdin.flush()
    server.stdin.close()


note("pid", server.pid)
threading.Thread(target=sent, daemon=True).start()
for line in server.stdout:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()
os._exit(max(0, server.wait()))
