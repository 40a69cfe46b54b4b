"""Gradient-boosted trees of other people on the rows in FOLDER, with the settings of bench/trees/plan.ts: one JSON line each."""

import json
import sys
import time

import lightgbm
import numpy
import xgboost
from sklearn.ensemble import HistGradientBoostingClassifier

TREES, DEPTH, RATE, L2, LEAST_ROWS, BINS = 100, 5, 0.1, 1.0, 10, 32


def read(folder, name):
    labels = numpy.fromfile(f"{folder}/{name}.labels", dtype=numpy.float32)
    features = numpy.fromfile(f"{folder}/{name}.features", dtype=numpy.float32).reshape(len(labels), -1)
    return features, labels


def report(name, model, train, test):
    started = time.perf_counter()
    model.fit(*train)
    seconds = time.perf_counter() - started
    predictions = model.predict_proba(test[0])[:, 1]
    print(json.dumps({"name": name, "seconds": seconds, "predictions": [float(p) for p in predictions]}))


def main(folder):
    train, test = read(folder, "train"), read(folder, "test")
    for bins in (BINS, 255):
        report(
            f"XGBoost {xgboost.__version__} ({bins} bins)",
            xgboost.XGBClassifier(
                n_estimators=TREES, max_depth=DEPTH, learning_rate=RATE, reg_lambda=L2, min_child_weight=1,
                max_bin=bins, tree_method="hist", n_jobs=1,
            ),
            train,
            test,
        )
    report(
        f"LightGBM {lightgbm.__version__} (255 bins)",
        lightgbm.LGBMClassifier(
            n_estimators=TREES, max_depth=DEPTH, num_leaves=2**DEPTH, learning_rate=RATE, reg_lambda=L2,
            min_child_samples=LEAST_ROWS, max_bin=255, n_jobs=1, verbose=-1, deterministic=True,
        ),
        train,
        test,
    )
    import sklearn

    report(
        f"scikit-learn {sklearn.__version__} (255 bins)",
        HistGradientBoostingClassifier(
            max_iter=TREES, max_depth=DEPTH, max_leaf_nodes=2**DEPTH, learning_rate=RATE, l2_regularization=L2,
            min_samples_leaf=LEAST_ROWS, max_bins=255, early_stopping=False, random_state=0,
        ),
        train,
        test,
    )


main(sys.argv[1])
