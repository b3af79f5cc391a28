"""The corpora that the download stage can fetch: one module each."""
