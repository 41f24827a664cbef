"""What the clients of all servers share: the clock and its waits, and how a request ends."""
