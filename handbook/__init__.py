"""The documentation site: what MkDocs is told beside the Markdown that lies in ``docs/``."""
