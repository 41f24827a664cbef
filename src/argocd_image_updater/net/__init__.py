"""What the clients of all servers share: the clock, how a request ends, where it may go and how."""
