"""What happens to a document, and to all of them."""
