"""The use cases, and the only place that composes the rooms: receive, process, replay, read, link, review."""
