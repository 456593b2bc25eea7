"""The Faiss index as the site uses it: builds, the live search, verification."""
