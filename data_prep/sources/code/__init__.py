"""What a source file is: in which language, under which licence, and whether somebody wrote it."""
