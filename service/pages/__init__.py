"""Web pages for people: static files of our own that use the API as any other client does."""
