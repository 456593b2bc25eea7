"""Acts on many rows at once: drafted, previewed, carried out in the background, taken back."""
