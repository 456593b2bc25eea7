"""Pages and files: parse, permit, call, render."""
