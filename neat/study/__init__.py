"""Run studies, which compare settings on tasks over many seeds, and report what they show."""
