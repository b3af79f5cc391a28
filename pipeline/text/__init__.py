"""What a letter, a word and a sentence is, in every script."""
