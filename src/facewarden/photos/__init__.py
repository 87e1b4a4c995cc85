"""Photos and the aligned faces in them: reading folders, pasting changed faces back, cloaking, purifying."""
