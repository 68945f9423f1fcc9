"""What the scripts need to know about this module."""

# The image without tag, for example "you/{{name}}".
DOCKER_REPO = ""
DOCKER_TAG = "latest"
# The public repository of this folder, for example "github.com/you/{{name}}", and the tag, branch or commit to run.
GITHUB_REPO = ""
GITHUB_TAG = "main"
# The model on Hugging Face, for example "distilbert/distilbert-base-uncased-finetuned-sst-2-english".
MODEL_IDENTIFIER = ""
