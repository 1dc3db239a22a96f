import os

# Before numpy is imported: OpenMP threads of several test workers would compete for the same cores, and
# spin while they wait.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["GX_ANALYTICS_ENABLED"] = "false"
