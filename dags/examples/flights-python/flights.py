"""The flights pipeline of the directory beside it, built in Python.

    python flights.py          prints it as YAML
"""

from bine import context, each, item, param, pipeline, step

CONFIGURATIONS = [
    {"name": "shallow", "learning_rate": 0.1, "depth": 4, "iterations": 100},
    {"name": "deep", "learning_rate": 0.1, "depth": 8, "iterations": 100},
    {"name": "patient", "learning_rate": 0.05, "depth": 6, "iterations": 200},
    {"name": "hasty", "learning_rate": 0.3, "depth": 6, "iterations": 50},
]


@pipeline(description="Predicts whether a flight will arrive more than 15 minutes late.")
def flights(
    horizon: int = param(2, min=0, max=24, description="Hours before departure at which the prediction is made."),
    sample: float = param(1.0, min=0.01, max=1, description="Share of the flights that is used."),
    configurations: list = param(CONFIGURATIONS, description="What is trained side by side."),
):
    ingest = step.python(
        "ingest",
        "ingest.py",
        description="Joins flights with weather and planes, as known before departure.",
        with_={"horizon": horizon, "sample": sample},
        outputs={"table": "artifact", "rows": int},
        memory="2GiB",
    )
    validate = step.python(
        "validate",
        "validate.py",
        description="Refuses a table that no good model could come of.",
        inputs={"table": ingest.table},
        outputs={"report": "artifact", "rows": int},
    )
    split = step.python(
        "split",
        "split.py",
        description="Splits by time, so that the test lies in the models' future.",
        needs=validate,
        inputs={"table": ingest.table},
        with_={"test_from": "2013-11-01"},
        outputs={"train": "artifact", "test": "artifact"},
    )
    train = step.python(
        "train",
        "train.py",
        description="Trains one configuration.",
        foreach=each(configurations, key=item.name, max_parallel=4),
        inputs={"train": split.train},
        with_={
            "name": item.name,
            "learning_rate": item.learning_rate,
            "depth": item.depth,
            "iterations": item.iterations,
            "horizon": horizon,
        },
        outputs={"model": "artifact", "roc_auc": float},
        cpu=1,
        memory="1GiB",
    )
    evaluate = step.python(
        "evaluate",
        "evaluate.py",
        description="Measures the best model, and the base rate, on flights that none has seen.",
        inputs={"models": train.model, "test": split.test},
        with_={"scores": train.roc_auc},
        outputs={"best": "artifact", "roc_auc": float, "baseline": float, "better": bool, "report": "artifact"},
    )
    register = step.model(
        "register",
        "delay",
        evaluate.best,
        metrics={"roc_auc": evaluate.roc_auc, "baseline": evaluate.baseline},
        notes=f"Trained {horizon} hours ahead by {context.run.id}.",
        when=evaluate.better,
        description="Keeps the best model as a new version.",
    )
    step.deploy(
        "deploy",
        "delay",
        "delay",
        version=register.version,
        description="Answers requests with the new version.",
    )


if __name__ == "__main__":
    print(flights.yaml(), end="")
