"""The examples of dags/examples as the Python builder has them; prints the YAML of each as one JSON object."""

from __future__ import annotations

import json

from bine import context, cron, each, expr, finally_, item, loop, on_failure, param, per, pipeline, step

HOOK = "https://chat.example.com/hook"


@pipeline(description="Asks for leave to deploy, with a form.")
def approval(score: float = 0.91):
    ask = step.approval(
        "ask",
        f"The new model scores {score}. Deploy it?",
        form={
            "share": {"type": "int", "default": 10, "min": 1, "max": 100, "description": "Percent of the traffic at first."},
            "ticket": {"type": "string", "description": "Number of the change request."},
        },
        by=["data_owner"],
        deadline="2d",
        otherwise="reject",
        remind="4h",
    )
    deploy = step.values(
        "deploy", text=f"deployed to {ask.share} % for {ask.ticket}, as {ask.by} said", options={"needs": ask}
    )
    return {"text": deploy.text}


@pipeline(description="Squares a thousand numbers, a hundred to a process.")
def batch(n: int = param(1000, min=1, max=100000), size: int = 100):
    square = step.python(
        "square",
        'import bine\nfor item in bine.items():\n    item.outputs["square"] = item.value ** 2\n',
        foreach=each(expr.range(n), batch=100),
        outputs={"square": int},
        retry=2,
    )
    total = step.python(
        "total",
        'from bine import outputs, rows\noutputs["sum"] = sum(row["value"] for row in rows("squares"))\n',
        inputs={"squares": square.square.rows()},
        outputs={"sum": int},
    )
    return {"sum": total.sum}


@pipeline(description="Takes the short way for few rows and the long way for many.")
def branch(rows: int = param(10, min=0)):
    step.branch("pick", (rows > 1000, "long_way"), (rows > 0, "short_way"), otherwise="nothing_to_do")
    short = step.values("short_way", took="short")
    long = step.values("long_way", took="long")
    nothing = step.values("nothing_to_do", took="nothing")
    ways = [short, long, nothing]
    way = expr(
        "has(steps.short_way.took) ? steps.short_way.took : has(steps.long_way.took) ? steps.long_way.took : steps.nothing_to_do.took"
    )
    report = step.values(
        "report",
        way=way,
        options={
            "description": "Runs whichever way was taken; the others are skipped, not failed.",
            "needs": ways,
            "join": "none_failed",
        },
    )
    step.values(
        "first",
        started=True,
        options={"description": "Starts as soon as one of the ways has succeeded.", "needs": ways, "join": "any_succeeded"},
    )
    return {"way": report.way}


def _shell(number: int):
    return ["sh", "-c", 'echo "{\\"n\\": %d}" > "$BINE_OUTPUTS/values.json"' % number]


@pipeline(description="The same step under different cache policies.")
def cache(seed: int = 1):
    step.command("always", _shell(1), outputs={"n": int}, cache=False)
    step.command("usual", _shell(2), outputs={"n": int})
    step.command(
        "seedless",
        _shell(3),
        description="The seed is given, but does not count.",
        with_={"seed": seed},
        outputs={"n": int},
        cache={"ignore": ["with.seed"], "expires": "7d"},
    )
    step.command(
        "refreshed",
        _shell(4),
        description="Never takes outputs, but leaves them for others.",
        outputs={"n": int},
        cache="write",
    )


@pipeline(description="Retries by kind of failure, with steps for failure and for the end in any case.", timeout="1h")
def failures(fail: bool = param(False, description="Whether the last main step fails for good.")):
    flaky = step.command(
        "flaky",
        'if [ "$BINE_ATTEMPT" -lt 3 ]; then echo "attempt $BINE_ATTEMPT fails"; exit 1; fi\n'
        'echo "{\\"attempt\\": $BINE_ATTEMPT}" > "$BINE_OUTPUTS/values.json"\n',
        description="Fails twice. Out of memory, it is tried once more; otherwise, up to five times within ten minutes.",
        outputs={"attempt": int},
        cache=False,
        retry=[{"on": ["memory"], "attempts": 2}, {"attempts": 5, "backoff": "100ms", "factor": 2, "within": "10m"}],
        timeout={"attempt": "30s", "step": "5m"},
    )
    last = step.command(
        "last", ["sh", "-c", 'test "$1" = false', "-", expr.string(fail)], needs=flaky, cache=False
    )
    with on_failure():
        step.values("blame", text="last is " + last.state)
    with finally_():
        step.values("cleanup", was=context.run.state)
    return {"attempt": flaky.attempt}


@pipeline(description="Asks a service for a number and files a report.")
def http(url: str = param(description="Address that answers JSON with a number.")):
    ask = step.http(
        "ask",
        url,
        method="POST",
        headers={"X-Run": context.run.id},
        body={"shop": "graz"},
        expect=[200, 201],
        retry={"attempts": 5, "backoff": "200ms"},
        timeout="10s",
    )
    report = step.command(
        "report",
        ["sh", "-c", 'echo "the number is $1" > "$BINE_OUTPUTS/report"', "-", expr.string(expr.int(ask.body.number))],
        outputs={"report": "artifact"},
    )
    file = step.copy("file", report.report, f"Resources/reports/{context.run.id}.txt")
    return {"path": file.path}


@pipeline(description="Imports the readings of a day, and exports a report of them.")
def lake(day: str = "2026-01-31"):
    fetch = step.import_("fetch", "sea", f"Resources/readings/{day}", source=f"readings/{day}")
    count = step.command(
        "count",
        ["sh", "-c", 'echo "$1 files" > "$BINE_OUTPUTS/report"', "-", expr.string(fetch.copied + fetch.skipped)],
        outputs={"report": "artifact"},
    )
    file = step.copy("file", count.report, f"Resources/reports/{day}.txt")
    give = step.export("give", file.path, "sea", to="reports")
    return {"fetched": fetch.copied, "given": give.copied}


@pipeline(description="Training that takes GPUs, gives them up when it is asked to, and goes on where it was.")
def gpu(epochs: int = 20, seconds: float = 0.05):
    prepare = step.values("prepare", shards=4)
    train = step.python(
        "train",
        "train.py",
        needs=[prepare],
        with_={"epochs": epochs, "seconds": seconds},
        outputs={"epochs": int, "resumed_from": int, "devices": int},
        cpu=0.2,
        memory="128MiB",
        gpus="2 GPUs on 1 host preemptible",
    )
    distributed = step.command(
        "distributed",
        ["python3", "code/ranks.py"],
        needs=[prepare],
        outputs={"rank": int, "size": int, "hosts": str},
        cpu=0.2,
        memory="256MiB",
        gpus="4 GPUs on any host",
    )
    step.command(
        "half",
        ["sh", "-c", 'printf "{\\"visible\\": \\"%s\\"}" "$CUDA_VISIBLE_DEVICES" > "$BINE_OUTPUTS/values.json"'],
        needs=[prepare],
        outputs={"visible": str},
        cpu=0.1,
        memory="64MiB",
        gpus=0.5,
    )
    return {"devices": train.devices, "processes": distributed.size}


@pipeline(description="Concurrency keys for runs and items, and a pool that pipelines share.", priority="high",
          concurrency={"key": expr("params.shop"), "limit": 1})
def limits(shop: str = "graz", hosts: list = ["a", "b"]):
    ask = step.command(
        "ask",
        ["sh", "-c", "sleep 0.2"],
        foreach=each(loop("host", hosts), loop("page", expr.range(4))),
        concurrency={"key": f"host/{item.host}", "limit": 2},
    )
    step.command("load", ["sh", "-c", "sleep 0.2"], needs=[ask], foreach=each(expr.range(6)), pools="warehouse")


@pipeline(description="Every day of every shop, each known by its key.")
def nested(
    shops: list = [{"name": "graz", "days": ["mon", "tue"]}, {"name": "wien", "days": ["mon", "tue", "wed"]}],
):
    known = step.values("list", shops=shops)
    count = step.values(
        "count",
        line=item.shop.name + " on " + item.day,
        options={
            "foreach": each(
                loop("shop", known.shops, key=item.shop.name), loop("day", item.shop.days), max_parallel=4
            )
        },
    )
    total = step.values("all", lines=count.line.values(), number=count.line.size())
    return {"number": total.number}


@pipeline(
    description="Schedules, triggers, deadlines and messages.",
    schedule=cron("30 2 * * *", tz="Europe/Vienna", overlap="skip", catch_up="6h", jitter="5m"),
    deadline="2h",
    triggers=[
        {"dataset": "Resources/incoming", "settle": "2s", "params": {"why": "files"}},
        {"pipeline": "branch", "on": "succeeded", "params": {"why": context.event.run}},
    ],
    notify=[
        {"on": "failure", "slack": HOOK},
        {"on": "recovery", "slack": HOOK, "message": f"{context.run.id} works again: {context.link}"},
        {"on": "late", "mail": ["oncall@example.com"]},
    ],
)
def nightly(why: str = "schedule"):
    return {"why": step.values("work", why=why).why}


@pipeline(description="Executes a notebook with parameters.")
def notebook(n: int = 5):
    return {"total": step.notebook("explore", "explore.ipynb", with_={"n": n}, outputs={"total": int}).total}


@pipeline(description="Runs another pipeline once for each size, and a stored job.")
def parent(sizes: list = [0, 10, 5000]):
    runs = step.pipeline("each", "branch", params={"rows": item}, foreach=each(sizes, max_parallel=2))
    step.job("greet", "greet", params={"who": context.run.id})
    ways = step.values("ways", all=runs.outputs.values().map(lambda o: o.way))
    return {"ways": ways.all}


@pipeline(name="per-item", description="Loads, scores and sums up every shop on its own.")
def per_item(shops: list = ["graz", "linz", "wien", "salzburg", "bregenz"]):
    load = step.python(
        "load",
        'from bine import item, outputs\noutputs["rows"] = len(item) * 100\n'
        'outputs.path("table").write_text("\\n".join(str(i) for i in range(len(item))))\n',
        foreach=each(shops, max_parallel=3),
        outputs={"rows": int, "table": "artifact"},
    )
    score = step.python(
        "score",
        'from bine import inputs, outputs, params\nnumbers = [int(line) for line in inputs["table"].read_text().split()]\n'
        'outputs["score"] = sum(numbers) / params["rows"]\n',
        foreach=per(load),
        inputs={"table": load.table},
        with_={"rows": load.rows},
        outputs={"score": float},
    )
    step.values(
        "label",
        text=item + ":" + expr.string(load.rows) + ":" + expr.string(score.score),
        options={"foreach": per(score)},
    )
    best = step.python(
        "best",
        'from bine import outputs, rows\nbest = max(rows("scores"), key=lambda row: (row["value"], row["key"]))\n'
        'outputs["shop"] = best["key"]\n',
        inputs={"scores": score.score.rows()},
        outputs={"shop": str},
    )
    return {"best": best.shop}


@pipeline(description="Joins a file of the project with what a step has made.")
def sql():
    rates = step.command(
        "rates",
        'mkdir "$BINE_OUTPUTS/table"\nprintf \'currency,rate\\neur,1.0\\nusd,0.9\\n\' > "$BINE_OUTPUTS/table/rates.csv"\n',
        outputs={"table": "artifact"},
    )
    totals = step.sql(
        "totals",
        "create table o as select * from orders;\nselect sum(amount * rate) as total, count(*) as n\n"
        "from o join rates using (currency);\n",
        files={"orders": "Resources/orders.csv"},
        inputs={"rates": rates.table},
        outputs={"result": "artifact", "total": float, "n": int},
    )
    return {"total": totals.total}


@pipeline(description="Goes on when an hour of data is complete.")
def wait(hour: str = "2026-01-01T05"):
    moment = step.wait("moment", for_="1s")
    arrived = step.wait("arrived", file=f"Resources/arrivals/{hour}.csv", every="1s", timeout={"step": "1h"})
    complete = step.wait("complete", partition=f"Resources/hours/{hour}", every="1s", timeout={"step": "1h"})
    go = step.values("go", hour=hour, options={"needs": [moment, arrived, complete]})
    return {"hour": go.hour}


if __name__ == "__main__":
    pipelines = [approval, batch, branch, cache, failures, gpu, http, lake, limits, nested, nightly, notebook, parent, per_item, sql, wait]
    print(json.dumps({p.name: p.yaml() for p in pipelines}))
