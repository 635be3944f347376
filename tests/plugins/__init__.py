"""pytest plugins of our own, loaded by `-p` before Django reads its settings."""
