"""Users, roles and invitations."""
