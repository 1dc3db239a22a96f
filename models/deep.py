"""Forests as flat numpy arrays: the trees are deep, so they are walked, all of them one level at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.members import Floats

Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class DeepTrees:
    """Weighted sums of trees laid end to end. A leaf is its own child on both sides.

    `child[2 * node]` is where a row goes whose feature is above the threshold, `child[2 * node + 1]`
    otherwise. `roots` (trees,); `share` (trees, outputs) is what a tree counts for each output.
    """

    feature: Ints
    threshold: Floats
    unknown_left: NDArray[np.bool_]
    child: Ints
    value: Floats
    roots: Ints
    share: Floats
    depth: int

    def predict(self, X: Floats) -> Floats:
        """The sum over the trees for X (n, features), NaN for unknown: an array (n, outputs)."""
        # scikit-learn's forests read single-precision features; NaN and order survive the cast.
        single = X.astype(np.float32).astype(np.float64)
        n, features = single.shape
        flat = single.ravel()
        base = (np.arange(n) * features)[:, None]
        node = np.broadcast_to(self.roots, (n, len(self.roots)))
        missing = bool(np.isnan(single).any())
        for _ in range(self.depth):
            x = flat[base + self.feature[node]]
            left = x <= self.threshold[node]
            if missing:
                left |= np.isnan(x) & self.unknown_left[node]
            node = self.child[2 * node + left]
        total: Floats = self.value[node] @ self.share
        return total


def flatten(members: Sequence[tuple[Floats, Any]]) -> DeepTrees:
    """Forests of scikit-learn as one; each has weights (outputs,): how much of it goes into each output."""
    trees = [
        (weight / len(member.estimators_), estimator.tree_)
        for weight, member in members
        for estimator in member.estimators_
    ]
    parts = [_flat(tree) for _, tree in trees]
    sizes = [len(part["feature"]) for part in parts]
    roots = np.cumsum([0, *sizes[:-1]])
    return DeepTrees(
        feature=np.concatenate([part["feature"] for part in parts]).astype(np.int32),
        threshold=np.concatenate([part["threshold"] for part in parts]),
        unknown_left=np.concatenate([part["unknown_left"] for part in parts]),
        child=np.concatenate([p["child"] + root for p, root in zip(parts, roots, strict=True)]).astype(
            np.int32
        ),
        value=np.concatenate([part["value"] for part in parts]),
        roots=roots.astype(np.int32),
        share=np.array([share for share, _ in trees]),
        depth=max(int(part["depth"]) for part in parts),
    )


def _flat(tree: Any) -> dict[str, NDArray[Any]]:
    left, right = tree.children_left, tree.children_right
    leaf = left < 0
    own = np.arange(len(left))
    child = np.empty(2 * len(left), dtype=np.int64)
    child[0::2] = np.where(leaf, own, right)
    child[1::2] = np.where(leaf, own, left)
    return {
        "feature": np.where(leaf, 0, tree.feature),
        "threshold": np.where(leaf, 0.0, tree.threshold),
        "unknown_left": tree.missing_go_to_left.astype(bool),
        "child": child,
        "value": np.where(leaf, tree.value[:, 0, 0], 0.0),
        "depth": np.array(tree.max_depth),
    }
