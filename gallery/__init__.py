"""The site: people, references, photos, faces and builds."""
