"""Say it: Slack blocks, GitHub markdown, terminal text, one HTML file, JSON. Values in, text out."""
