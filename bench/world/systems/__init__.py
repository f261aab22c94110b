"""The systems that are put into the world; `register.py` lists them."""
