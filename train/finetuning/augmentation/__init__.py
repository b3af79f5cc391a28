"""Ways of changing a text a little without changing its label: a module each, by whose name the settings call it."""
