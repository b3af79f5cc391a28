"""Files in object stores and on the web."""
