"""Where finished steps are kept: folders here or a remote place; whole or not there, and shared."""
