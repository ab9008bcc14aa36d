"""Prints the fault matrix as it stands in docs/reliability.md: python tests/faults/table.py"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.matrix import rows

print("\n".join(rows()))
