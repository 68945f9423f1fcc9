"""Saves tokenizer and model of MODEL_IDENTIFIER into ./models, from where they go into the image.

    python -m scripts.download_models
"""

import sys

from config.constants import MODEL_IDENTIFIER


def main() -> int:
    if not MODEL_IDENTIFIER:
        print("❌ Error: MODEL_IDENTIFIER is not set in config/constants.py.")
        return 1
    # TODO: take the classes that fit your model, the same as in src/run_inference.py.
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    AutoTokenizer.from_pretrained(MODEL_IDENTIFIER).save_pretrained("./models")
    AutoModelForSequenceClassification.from_pretrained(MODEL_IDENTIFIER).save_pretrained("./models")
    print(f"✅ {MODEL_IDENTIFIER} is in ./models.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
