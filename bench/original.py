"""The way the first version of this bot served its model: Flask, a one-row data frame, scikit-learn.

The members, their weights and the features are ours of today, so that only the way of serving differs.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
from flask import Flask, jsonify, request
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingRegressor
from sklearn.pipeline import Pipeline
from werkzeug.serving import WSGIRequestHandler, make_server

from models.members import MEMBERS, binnable
from models.serving import Ensemble
from pipeline.appraisal.features import NAMES
from pipeline.appraisal.subject import CATEGORIES
from pipeline.history import Examples


def fit(data: Examples, ensemble: Ensemble) -> Pipeline:
    """The members with their weights, behind a column transformer, fitted on a data frame."""
    weights = ensemble.weights
    categories = int((ensemble.used < len(CATEGORIES)).sum())
    kept = [(name, MEMBERS[name](categories, 0)) for name in weights]
    columns = ColumnTransformer([("known", "passthrough", [NAMES[index] for index in ensemble.used])])
    model = Pipeline([("columns", columns), ("vote", VotingRegressor(kept, weights=list(weights.values())))])
    return model.fit(pd.DataFrame(binnable(data.X), columns=list(NAMES)), data.y)


@contextmanager
def served(model: Pipeline) -> Iterator[Callable[[np.ndarray], float]]:
    """The model behind Flask on loopback; yields a call that asks for one row over a kept connection."""
    app = Flask(__name__)

    @app.post("/predict")
    def predict():
        frame = pd.DataFrame([request.get_json()], columns=list(NAMES), dtype="float64")
        return jsonify(price=float(model.predict(frame)[0]))

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002
            return

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)

    def ask(row: np.ndarray) -> float:
        body = json.dumps({name: None if np.isnan(x) else x for name, x in zip(NAMES, row, strict=True)})
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        return float(json.loads(connection.getresponse().read())["price"])

    try:
        yield ask
    finally:
        connection.close()
        server.shutdown()
        thread.join()
