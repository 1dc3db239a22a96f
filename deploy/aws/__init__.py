"""The template for AWS, and the commands that bring a stack of it up, run its tasks and take it down."""
