"""The stories: nothing but the order in which all of this happens, told over the Protocols of ports.py."""
