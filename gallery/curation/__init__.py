"""Gallery health, review, bulk acts and calibration: what curators work through."""
