"""Fills an empty server through its API: an experiment with three runs, two artifacts and a metric each."""

import os

import mlflow

mlflow.set_tracking_uri(f"http://127.0.0.1:{os.environ['PORT']}")
mlflow.set_experiment("drill")
for number in range(1, 4):
    with mlflow.start_run(run_name=f"run {number}"):
        mlflow.log_metric("accuracy", number / 10)
        mlflow.log_param("depth", number)
        mlflow.log_text(f"model {number}\n" * number, "model/weights.txt")
        mlflow.log_text(f"notes on run {number}\n", "notes.txt")
