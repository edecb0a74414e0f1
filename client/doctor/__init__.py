"""What may be wrong with an installation, looked at one by one."""
