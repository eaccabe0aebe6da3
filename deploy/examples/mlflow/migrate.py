"""Creates and migrates MLflow's tables. Its own command would have the password among its arguments."""

import os

from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

_initialize_tables(create_sqlalchemy_engine(os.environ["MLFLOW_BACKEND_STORE_URI"]))
