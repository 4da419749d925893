"""The store of finished steps: a folder here or a remote one; each step whole or not there."""
