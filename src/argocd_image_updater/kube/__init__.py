"""The Kubernetes API: who we are there, one client, and what the cluster says as a snapshot."""
