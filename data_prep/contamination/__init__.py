"""No evaluation text in the training corpus: overlap in n-grams of words (Brown et al., 2020, appendix C)."""
