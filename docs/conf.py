"""How Sphinx builds these pages: ``make docs``. Warnings are errors there."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
CORE = HERE.parent / "plugins" / "ocppsim-core"
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext"), str(CORE)]

from ocppsim import __version__  # noqa: E402

project = "ocppsim"
version = release = __version__
copyright = "the authors of ocppsim. Apache License 2.0"

extensions = ["myst_parser", "sphinx.ext.autodoc", "prose", "generated"]
exclude_patterns = ["_build", "_ext", "examples"]
nitpicky = True

# code: names as a reader imports them, in the order in which they are written
add_module_names = False
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "undoc-members": True}
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "ocppsim"
html_static_path = ["_static"]
html_css_files = ["ocppsim.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "light_logo": "logo.svg",
    "dark_logo": "logo-dark.svg",
    "light_css_variables": {
        "color-brand-primary": "#0b6e4f",
        "color-brand-content": "#0a7450",
        "color-brand-visited": "#0a7450",
        "font-stack": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif",
        "font-stack--monospace": "ui-monospace, 'SF Mono', Menlo, 'DejaVu Sans Mono', monospace",
    },
    "dark_css_variables": {
        "color-brand-primary": "#5fd3a5",
        "color-brand-content": "#62d0a4",
        "color-brand-visited": "#62d0a4",
    },
}
