"""How long things are kept, and how everything of a tenant is handed over or deleted."""
