"""Read pictures of any format and size as RGB, in bounded memory."""
