"""Faces in photos: detected, named, decided on, grouped."""
