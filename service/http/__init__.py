"""What stands between a socket and an endpoint: limits of connections, heads and bodies, headers
of every answer, and whose web pages may ask."""
