"""``python -m painlens.web OPTIONS``: the server in a process of its own; OPTIONS are JSON, see `serve.Options`."""

import json
import sys
from typing import Any

from painlens.web.serve import Options, main

raw: dict[str, Any] = json.loads(sys.argv[1])
raw |= {key: tuple(value) for key, value in raw.items() if isinstance(value, list)}
sys.exit(main(Options(**raw)))
