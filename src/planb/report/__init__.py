"""EvalLogs -> Results -> one HTML page. ``exhibits/`` holds the page's parts, a file each."""
