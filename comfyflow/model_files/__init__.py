"""The model files that a workflow wants: which, from where, whether they are there, and fetching them."""
