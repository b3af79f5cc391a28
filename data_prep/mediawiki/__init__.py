"""MediaWiki dumps: reading their pages, and turning wikitext into the text that a reader sees."""
