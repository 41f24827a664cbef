"""What this process serves over HTTP: probes and metrics."""
