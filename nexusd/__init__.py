"""nexusd: a daemon that owns one person's content-generation jobs.

This module holds the version and imports nothing: renderer children import it too, and pay for every line.
"""

__version__ = "0.1.0"
