"""The demonstration: public-domain portraits that ship in Python packages, fetched by pip, never kept in git."""
