"""Inbound transports: MLLP, folder, HTTP."""
