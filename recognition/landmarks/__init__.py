"""Five finer landmarks of a face, from coarse ones: dlib's ensemble of regression trees, in numpy.

The default face network was trained on chips aligned by these five points (the corners of both eyes and the base
of the nose), and aligning by them rather than by a detector's eye centres and mouth corners finds more
people at the same rate of false matches; docs/accuracy.md has the figures.

Method: V. Kazemi and J. Sullivan, One millisecond face alignment with an ensemble of regression trees, 2014.
"""

from recognition.landmarks.five_points import find_start_square, load_trees, predict_points

__all__ = ["find_start_square", "load_trees", "predict_points"]
