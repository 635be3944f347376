"""One file per flow, named by the kind of operation it serves: an ordered list of steps. Order is meaning, and it stands here."""
