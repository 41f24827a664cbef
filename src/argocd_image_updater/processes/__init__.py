"""Other programs: without a shell, bounded in time and output, ended with all they start."""
