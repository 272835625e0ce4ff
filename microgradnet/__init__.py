"""A scalar autograd engine in pure Python, to import, to look at and to step through."""
