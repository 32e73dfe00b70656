"""Pictures of any kind and size into RGB, in bounded memory."""
