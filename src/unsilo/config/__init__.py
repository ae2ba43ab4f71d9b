"""The typed settings and where they come from: TOML file, UNSILO_* environment, secret files."""
