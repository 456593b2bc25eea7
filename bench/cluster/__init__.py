"""A site of several hosts on one machine, what befalls it, and what is counted of it afterwards."""
