"""The demo: a made-up town's hospitals, laboratory and clinic, fed to the real server."""
