"""What runs in the container: reads the input, asks the model, writes /outputs/result.json.

The input is the first argument; the template passes it as a whole JSON text, so quotes and line breaks arrive as typed.
"""

import json
import os
import sys

MODELS = "/app/models"
RESULT = os.path.join(os.environ.get("OUTPUTS", "/outputs"), "result.json")


def run_job(text, model, tokenizer):
    """TODO: ask the model and return what goes into the result as "output"."""
    raise NotImplementedError("implement run_job in src/run_inference.py")


def load():
    """TODO: take the classes that fit your model, the same as in scripts/download_models.py."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    return AutoModelForSequenceClassification.from_pretrained(MODELS), AutoTokenizer.from_pretrained(MODELS)


def main() -> int:
    text = sys.argv[1] if len(sys.argv) > 1 else ""
    result = {"input": text, "status": "error"}
    try:
        model, tokenizer = load()
        result = {"input": text, "output": run_job(text, model, tokenizer), "status": "success"}
    except Exception as error:  # whatever it is, the result says it
        result["error"] = str(error) or type(error).__name__
        print(result["error"], file=sys.stderr)
    os.makedirs(os.path.dirname(RESULT), exist_ok=True)
    with open(RESULT, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=2)
    return 0 if result["status"] == "success" else 1


if __name__ == "__main__":
    sys.exit(main())
