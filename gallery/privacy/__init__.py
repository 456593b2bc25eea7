"""Consent that ends, erasure, subject access exports, retention."""
