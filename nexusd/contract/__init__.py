"""The wire: every JSON document that crosses the API, as a pydantic model, and where the socket is.

What clients may import. Owns shapes and their bounds; owns no behaviour. JSON is camelCase, Python snake_case; requests
refuse unknown fields, answers may grow new ones.
"""
