"""HTTP: a FastAPI application over the services. Handlers parse, call one service method, present.

One file a resource, each with its `router`; `app` puts them together. `bodies` reads what comes in, `answers` writes what goes
out, `problems` turns errors into RFC 9457 documents, `sse` writes streams, `access` refuses browsers and strangers first.
No SQL, no business rule.
"""
