"""The site: pages that are made from the code, and the links of those that are written by hand."""
