"""The server-rendered web pages for clinicians, stewards, engineers and administrators."""
