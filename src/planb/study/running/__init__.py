"""Who carries out steps: processes here or a cluster; their seats, progress and time left."""
