"""A Lambda function for tests of the sandbox. The event says what it does."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

if os.environ.get("TOY_INIT") == "fail":
    raise RuntimeError("the toy does not start")
if os.environ.get("TOY_INIT") == "exit":
    sys.exit(3)


def lambda_handler(event: Any, context: Any) -> Any:
    """Do what the event says."""
    if isinstance(event, dict) and "Records" in event:
        return batch_handler(event)
    match event.get("do"):
        case "echo":
            return event["value"]
        case "context":
            return {
                "pid": os.getpid(),
                "request_id": context.aws_request_id,
                "arn": context.invoked_function_arn,
                "remaining": context.get_remaining_time_in_millis(),
                "trace": os.environ.get("_X_AMZN_TRACE_ID"),
                "environment": dict(os.environ),
            }
        case "print":
            sys.stdout.write(f"{event['value']}\n")
            sys.stderr.write("to standard error\n")
            sys.stdout.write(json.dumps({"_aws": {"Timestamp": 0}, "Toys": 1}) + "\n")
        case "raise":
            raise ValueError("the toy raised")
        case "exit":
            os._exit(7)
        case "hang":
            sys.stdout.write("hanging\n")
            time.sleep(600)
        case "unserialisable":
            return {1, 2}
    return None


def batch_handler(event: Any) -> Any:
    """Write each batch to the file TOY_BATCHES, and do what the bodies that are JSON objects say."""
    with Path(os.environ["TOY_BATCHES"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"at": time.time(), "pid": os.getpid(), "records": event["Records"]}) + "\n")
    failures = []
    for record in event["Records"]:
        body = json.loads(record["body"]) if record["body"].startswith("{") else {}
        if "hold_until_exists" in body:
            while not Path(body["hold_until_exists"]).exists():
                time.sleep(0.01)
        if body.get("raise"):
            raise ValueError("the toy refused the batch")
        if "answer" in body:
            return body["answer"]
        if body.get("fail") and int(record["attributes"]["ApproximateReceiveCount"]) <= body["fail"]:
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
