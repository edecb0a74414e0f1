"""Prints the requirements of the project and of the named extras, one a line, from pyproject.toml.

python requirements.py EXTRA...
"""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
wanted = [*project["dependencies"], *(line for name in sys.argv[1:] for line in extras[name])]
sys.stdout.write("\n".join(wanted) + "\n")
