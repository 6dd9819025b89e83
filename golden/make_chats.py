"""Writes data/tests/fixtures/chats.json.gz: chat templates, conversations, and the prompts that transformers makes of them.

    conversations   each a list of messages, or an object with messages and tools
    templates       each with its prompts, one per conversation: by apply_chat_template with add_generation_prompt; null where
                    the template stops
"""

import gzip
import json
from pathlib import Path

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

FILE = Path(__file__).resolve().parent.parent / "data/tests/fixtures/chats.json.gz"

TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather <now> of a \"city\" — °C", "parameters": {
    "type": "object", "properties": {"city": {"type": "string", "default": "Zürich"}, "days": {"type": "integer", "minimum": 0.5}}, "required": ["city"]}}}  # fmt: skip
CALL = {"role": "assistant", "content": None, "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": {"city": "Bern", "days": 2, "exact": True, "unit": None}}}]}

CONVERSATIONS = [
    [{"role": "user", "content": "  Hello,\n who are you?  "}],
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi <b>&</b> 'you' \"there\" ü"}],
    [{"role": "user", "content": "One"}, {"role": "assistant", "content": " 1 \n"}, {"role": "user", "content": "Two"}],
    [{"role": "assistant", "content": "I begin."}, {"role": "user", "content": ""}],
    [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, {"type": "image"}]}],
    [{"role": "user", "content": "2+2?"}, {"role": "assistant", "reasoning": "easy", "content": "4", "name": "bot"}, {"role": "user", "content": "Sure?"}],
    {"messages": [{"role": "user", "content": "Weather?"}, CALL, {"role": "tool", "name": "weather", "content": "{\"t\": 21.50}"}], "tools": [TOOL]},
]

TEMPLATES = {
    "chatml": """{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}
{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}""",
    "alternating": """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system = messages[0]['content'] %}
{%- else %}{% set loop_messages = messages %}{% set system = false %}{% endif %}
{% for message in loop_messages %}
    {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{ raise_exception('Conversation roles must alternate user/assistant/...') }}
    {% endif %}
    {% if loop.index0 == 0 and system != false %}
        {% set content = '<<SYS>>\n' + system + '\n<</SYS>>\n\n' + message['content'] %}
    {% else %}
        {% set content = message['content'] %}
    {% endif %}
    {% if message['role'] == 'user' %}
        {{ '[INST] ' + content.strip() + ' [/INST]' }}
    {% elif message['role'] == 'assistant' %}
        {{- ' ' ~ content.strip() ~ ' ' ~ eos_token }}
    {% endif %}
{% endfor %}""",
    "headers": """{{- bos_token }}
{%- if tools is not none %}
    {{- "<|header|>tools<|end|>\n" }}
    {%- for tool in tools %}
        {{- tool | tojson(indent=4) }}
        {{- "\n\n" }}
    {%- endfor %}
{%- endif %}
{%- for message in messages %}
    {%- if not (message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|header|>' + message['role'] + '<|end|>\n\n' + (message['content'] | trim if message['content'] is string else message['content'] | tojson) + '<|eot|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if message.tool_calls|length != 1 %}
            {{- raise_exception("one call only") }}
        {%- endif %}
        {%- set call = message.tool_calls[0].function %}
        {{- '{"name": "' + call.name + '", "parameters": ' }}{{- call.arguments | tojson }}{{- "}<|eot|>" }}
    {%- else %}
        {{- "<|header|>ipython<|end|>\n\n" }}
        {%- if message.content is mapping or message.content is iterable %}{{- message.content | tojson }}{%- else %}{{- message.content }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|header|>assistant<|end|>\n\n' }}
{%- endif %}
""",
    "namespace": """{%- set ns = namespace(found=false, last='', count=0) %}
{%- for message in messages[::-1] %}
{%- set ns.count = ns.count + 1 %}
{%- if message.role == "user" and not ns.found %}{%- set ns.found = true %}{%- set ns.last = message.content %}{%- endif %}
{%- endfor %}
{{ ns.count }} {{ ns.found }} {{ ns.last }} {{ none }} {{ 1.0 }} {{ 7 // 2 }} {{ 7 / 2 }} {{ -7 % 3 }} {{ 2 ** 5 }} {{ undefined_thing }}|
{%- for message in messages %}
  {%- if loop.first %}{% continue %}{% endif %}
  {%- if loop.index > 2 %}{% break %}{% endif %}
{{ loop.index }}/{{ loop.length }} {{ loop.revindex0 }} {{ message.role|upper }} {{ loop.previtem.role if loop.previtem is defined else 'none' }}
{% endfor %}""",
    "generation": """{% for message in messages %}{% if message.role == 'assistant' %}{% generation %}{{ message.content }}{{ eos_token }}{% endgeneration %}
{% else %}[{{ message.role }}]{{ message.content }}{% endif %}
{%- endfor %}{% if add_generation_prompt %}[assistant]{% endif %}""",
    "values": """{{ messages }}
{{ messages[0] }} {{ messages[0].content is string }} {{ messages[0].content is sequence }} {{ messages[0] is mapping }} {{ messages is iterable }}
{{ messages | tojson }} {{ messages[0] | tojson(sort_keys=true) }} {{ {'b': [1, 2.5, true, none], 'a': {}} | tojson(indent=2) }} {{ [] | tojson(indent=2) }}
{{ {'b': 1} | tojson(separators=(',', ':')) }} {{ 'é"\\\\/\x07' | tojson }} {{ 'é' | tojson(ensure_ascii=True) }}""",
    "content": """{%- macro text(content) -%}
{%- if content is string -%}{{ content }}{%- else -%}{%- for part in content -%}
{%- if part.type == 'text' -%}{{ part.text }}{%- elif 'image' in part or part['type'] == 'image' -%}<image>{%- endif -%}{%- endfor -%}{%- endif -%}
{%- endmacro -%}
{%- for message in messages if message.role != 'system' -%}
<turn>{{ 'model' if message.role == 'assistant' else message.role }}
{{ text(message.content) | trim }}<end>
{%  endfor -%}
{{- '<turn>model\n' if add_generation_prompt -}}""",
    "methods": """{%- for message in messages %}
{%- set c = message.content if message.content is string else '' %}
{{ c.split('\n')[0].strip() }}|{{ c.lstrip() }}|{{ c.rstrip('?') }}|{{ c.upper() }}|{{ c.startswith('H') }}|{{ c.replace('o', '0') }}|{{ c[:3] }}|{{ c[-2:] }}|{{ c | length }}|{{ c | replace('e', '3') }}|{{ c.title() }}|{{ c.find('l') }}
{%- for key, value in message.items() %} {{ key }}={{ value }}{% endfor %} {{ message.get('name', 'nobody') }} {{ message.keys() | list }} {{ message | length }}
{%- if 'content' in message and message['content'] %} yes{% endif %}
{%- endfor %}
{{ messages | map(attribute='role') | join(', ') }} {{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ messages | rejectattr('role', 'in', ['user']) | list | length }} {{ range(3) | list }} {{ ['a', 'b'] + ['c'] }} {{ ['x'] | first }} {{ messages | last | attr('role') }} {{ dict(a=1) }} {{ 'a,b' | upper | lower | title | capitalize }} {{ x | default('dflt') }} {{ "%s-%d" | format('q', 3) }}""",
    "reasoning": """{% for message in messages %}{{ message.role }}:{% if message.reasoning_content is defined %}<think>{{ message.reasoning_content }}</think>{% endif %}{% if message.thinking %}({{ message.thinking }}){% endif %}{{ message.content }}
{% endfor %}""",
    "whitespace": """
   {% if true %}
   a
   {%- if true -%}
   b
   {% endif %}
   {%+ if true %}c{% endif +%}
   {# a comment #}
   d
   {% endif %}

{% raw %}{{ raw }}{% endraw %}
{% set x %}block{% endset %}{{ x }}

""",
}  # fmt: skip


def main() -> None:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel({"<unk>": 0, "<s>": 1, "</s>": 2}, unk_token="<unk>")), bos_token="<s>", eos_token="</s>", unk_token="<unk>")  # fmt: skip
    templates, stopped = [], 0
    for name, template in TEMPLATES.items():
        prompts = []
        for conversation in CONVERSATIONS:
            messages, tools = (conversation["messages"], conversation["tools"]) if isinstance(conversation, dict) else (conversation, None)
            try:
                prompts.append(tokenizer.apply_chat_template(messages, tools=tools, chat_template=template, add_generation_prompt=True, tokenize=False))
            except Exception as error:
                print(f"{name}: {type(error).__name__}: {error}"[:150])
                prompts.append(None)
                stopped += 1
        templates.append({"name": name, "template": template, "prompts": prompts})
    # Conversations as text, since the order of keys matters.
    conversations = [json.dumps(conversation, ensure_ascii=False) for conversation in CONVERSATIONS]
    data = json.dumps({"conversations": conversations, "templates": templates}, ensure_ascii=False, separators=(",", ":")).encode()
    FILE.write_bytes(gzip.compress(data, 9, mtime=0))
    print(f"{len(templates)} templates, {stopped} prompts stop; {len(data)} bytes, compressed {FILE.stat().st_size}")


if __name__ == "__main__":
    main()
