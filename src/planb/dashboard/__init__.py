"""The folder of studies as a local site: ``planb dashboard``. It reads, and changes nothing."""
