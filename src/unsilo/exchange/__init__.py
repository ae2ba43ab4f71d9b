"""Outbound transports: what was committed goes to those who want to know, in order, acknowledged, and tracked."""
