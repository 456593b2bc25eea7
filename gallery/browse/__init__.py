"""Reads for the pages: what is listed, in pages that stay quick at the end of a long list."""
