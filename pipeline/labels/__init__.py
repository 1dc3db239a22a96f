"""Labels: from raw records to a sales table whose prices can be trusted.

The sale feed tells no payment token, so that a price is either known from the listing that was sold,
inferred where only one token makes sense of the amount, or left out. What is left out is counted. Listings
that were not sold are kept too, with how long nobody wanted them (`listing_outcomes`).
"""

from pipeline.labels.build import LabelResult, build_sales
from pipeline.labels.outcomes import ListingOutcome, due, listing_outcomes
from pipeline.labels.trace import files_of

__all__ = ["LabelResult", "ListingOutcome", "build_sales", "due", "files_of", "listing_outcomes"]
