"""What backends' answers show beside the imported schema: places and types, never values. Pure; nodes run it too."""
