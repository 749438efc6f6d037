"""Health and metrics over HTTP; nothing here has to be reached from outside the cluster."""
