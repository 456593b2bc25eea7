"""Photos and albums: added, found, shown, exported, put into the trash."""
