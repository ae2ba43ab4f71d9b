"""Readers of releases: each hands a published form over to a `Sink` row by row, and tells what is wrong where."""

from unsilo.terminology.release.detect import Job, Said, jobs
from unsilo.terminology.release.files import Files, Notes

__all__ = ["Files", "Job", "Notes", "Said", "jobs"]
