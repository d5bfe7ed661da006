"""The history of the schema: one module a revision in `versions`, run by `nexusd.store.schema`."""
