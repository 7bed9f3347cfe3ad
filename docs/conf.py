"""Settings of Sphinx, which builds the site from this folder (`make docs`)."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

project = "batchneat"
author = "the batchneat authors"
release = version_of("batchneat")
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_nb",
    "sphinx_copybutton",
    "generated_parts",
]
exclude_patterns = ["**/.ipynb_checkpoints"]

myst_enable_extensions = ["colon_fence", "html_image"]
myst_heading_anchors = 3
smartquotes = False  # they take quotes around values for prose

nb_execution_mode = "cache"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = 120

default_role = "code"  # docstrings mark code by single backticks
maximum_signature_line_length = 88
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
# Classes whose members are not repeated in those that inherit from them.
autodoc_default_options = {
    "inherited-members": "tuple, Exception, BaseModel, Protocol, Environment, Module, Optimiser, Reporter"
}
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # a property can be in the section Attributes of its class too

html_theme = "furo"
html_title = "batchneat"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_copyright = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
