"""How axieflip gets to where it runs: the image and its proof, AWS, dashboards and alert rules."""
