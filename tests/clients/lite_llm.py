"""`python lite_llm.py URL`: what LiteLLM has read, as JSON; it runs in an environment of its own."""

import json
import sys

import litellm  # type: ignore[import-not-found, unused-ignore]

place = {"api_base": f"{sys.argv[1]}/v1", "api_key": "none"}
hello = {"model": "openai/any", "messages": [{"role": "user", "content": "hello"}]}
parts = litellm.completion(stream=True, **hello, **place)
print(
    json.dumps(
        [
            litellm.completion(**hello, **place).choices[0].message.content,
            "".join(part.choices[0].delta.content or "" for part in parts),
            litellm.text_completion(model="text-completion-openai/any", prompt="hello", **place)
            .choices[0]
            .text,
            litellm.responses(model="openai/any", input="hello", **place).output[0].content[0].text,
        ]
    )
)
