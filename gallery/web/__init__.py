"""The site's pages: parse, permit, call, render."""
