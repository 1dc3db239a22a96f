"""The stack on AWS: its template, and the script that deploys it."""
