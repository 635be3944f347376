"""Key keepers, one file each: the file's name is the keeper's, `open_keeper` makes it from the settings."""
