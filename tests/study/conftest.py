"""Steps for the tests lie beside them and must be importable, here and in the workers."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
