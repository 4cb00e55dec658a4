"""A hook for MkDocs: the site has the tree of the repository, so that one link serves both.

Pages and pictures lie where a reader of the repository looks for them, some of them outside of
docs/. Each keeps its path in the site.
"""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PAGES = ["*.md", "docs/**/*.md", "mnist_batch/MODEL_CARD.md", "benchmarks/RESULTS.md"]
OTHERS = ["docs/*.css", "examples/*.png", "examples/*.py", "examples/nightly/[a-z]*", "LICENSE"]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace the files of docs/ by the pages of the repository and what they link to."""
    root = Path(config.docs_dir).parent
    paths = sorted(path for pattern in PAGES + OTHERS for path in root.glob(pattern))
    names = [path.relative_to(root) for path in paths]
    theme = [file for file in files if file.src_dir != config.docs_dir]
    own = [File(name.as_posix(), str(root), config.site_dir, False) for name in names]
    return Files(theme + own)
