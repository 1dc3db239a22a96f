"""The image's recipe, read and carried out where no container engine is."""
