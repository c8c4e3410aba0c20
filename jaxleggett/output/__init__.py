"""What a command writes: folders, provenance, data and pictures."""
