"""`python -m tests.contract.api`: freezes the contract as it is now."""

from __future__ import annotations

import trio

from tests.contract.api.frozen import CATALOGUE, OPENAPI, catalogue, description, to_text

CATALOGUE.write_text(to_text(catalogue()), "utf-8")
OPENAPI.write_text(to_text(trio.run(description)), "utf-8")
