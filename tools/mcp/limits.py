"""How much of a server is taken in, and how long it is waited for, where nobody says otherwise."""

from __future__ import annotations

MESSAGE_BYTES = 8_000_000
"""Bytes of one message of a server; the connection to one that sends more is ended."""
MESSAGES_A_SECOND = 500
"""Messages of a server that are read in a second; it is made to wait with the others."""
CONNECT_SECONDS = 30.0
"""Seconds a server may take to start and to list its tools: a package runner may have to install it first."""
ANSWER_SECONDS = 5.0
"""Seconds a started server has to answer a question of ours after a call was given up; it is restarted otherwise."""
EXIT_SECONDS = 0.5
"""Seconds a process has to end after its input was closed, and again after it was told to."""
CLOSE_SECONDS = 10.0
"""Seconds that closing waits at most; a server that has not ended by then is left to its thread."""
FIRST_PAUSE = 0.1
"""Seconds before a server that was lost is connected to again; doubled after each failure."""
LONGEST_PAUSE = 30.0
"""Seconds between two attempts at most."""
LISTINGS = 3
"""How often a server's tools are listed before they are taken, where it says meanwhile that they have changed."""
TOOLS = 500
"""Tools of one server; further ones are left out."""
DESCRIPTION_CHARACTERS = 4_000
"""Characters of a tool's description that a model is shown."""
SCHEMA_CHARACTERS = 50_000
"""Characters of a tool's schema; a tool with a longer one is left out."""
ERROR_CHARACTERS = 2_000
"""Characters of a server's error message, and of the last words on its standard error, that are kept."""
