"""The retrieval contract on the wire: KServe's V1 and V2 protocols, for servers and for clients.

Bodies are parsed and written here and nowhere else, so every server and every client mean the same by them.
docs/retrieval.md describes them with examples.
"""

from marquee.retrieval.wire.body import Call, ask, parse_call, read_answer, write_answer

__all__ = ["Call", "ask", "parse_call", "read_answer", "write_answer"]
