"""Make the pictures of docs/plots.md: run the code of that page in docs/plots."""

import os
import re
from pathlib import Path

import matplotlib

HERE = Path(__file__).parent.absolute()

if __name__ == "__main__":
    matplotlib.use("agg")
    matplotlib.rcParams.update({"svg.hashsalt": "batchneat", "svg.fonttype": "none"})
    page = (HERE / "plots.md").read_text("utf-8")
    os.environ["SOURCE_DATE_EPOCH"] = "0"  # no date in the files that matplotlib writes itself
    os.chdir(HERE / "plots")
    namespace: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(block, namespace)
