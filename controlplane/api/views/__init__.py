"""One file per noun; a view parses, calls one service, answers."""
