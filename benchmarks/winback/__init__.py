"""What an attacker who knows the trigger wins back after a repair."""
