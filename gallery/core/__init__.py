"""What a request or a user's act is made of: permissions, visibility, limits, errors, pagination."""
