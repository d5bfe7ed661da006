"""What stands for something else in the command of a renderer of the settings: `{input}`.

Both who checks a table and who runs it ask. `{{` and `}}` are braces. Anything else in braces is itself: `a{2}` is what it is.
"""

from __future__ import annotations

import re
from typing import Final

PLACEHOLDER: Final = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")
