"""Linear programmes over hidden vectors, and the loop that makes their columns and rows."""
