"""A believable province for demonstrations: texts written for this project, bodies that do not exist."""
