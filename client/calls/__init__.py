"""Every call of the API as a function that returns a :class:`client.call.Call`."""
