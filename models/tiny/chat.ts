/** One message of a dialogue. */
export interface Message {
  role: 'system' | 'user' | 'assistant' | 'tool'
  content: string
}

/** A function that the model may call, as far as it is shown to it. */
export interface Tool {
  name: string
  description: string
  parameters: string[]
}

/** A dialogue to learn from. */
export interface Dialogue {
  tools: Tool[]
  messages: Message[]
}

/**
 * How a dialogue looks to the model, in Jinja: ChatML, with Hermes' form of tool calls, which engines turn
 * into `tool_calls` by themselves. Tools are a line each instead of their whole schema, since the context is
 * 512 tokens long. `turns` renders the same for the corpus, and a test holds the two against each other.
 */
export const TEMPLATE = `{%- if messages[0].role == 'system' or tools -%}
{{- '<|im_start|>system' -}}
{%- if messages[0].role == 'system' -%}{{- '\\n' + messages[0].content -}}{%- endif -%}
{%- if tools -%}
{{- '\\n<tools>' -}}
{%- for tool in tools -%}
{%- set made = tool.function if tool.function is defined else tool -%}
{{- '\\n' + made.name + '(' -}}
{%- if made.parameters is defined and made.parameters.properties is defined -%}
{%- for name in made.parameters.properties -%}
{{- name -}}{%- if not loop.last -%}{{- ', ' -}}{%- endif -%}
{%- endfor -%}
{%- endif -%}
{{- ')' -}}
{%- if made.description -%}{{- ' ' + made.description -}}{%- endif -%}
{%- endfor -%}
{{- '\\n</tools>' -}}
{%- endif -%}
{{- '<|im_end|>\\n' -}}
{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{%- if not loop.first -%}{{- '<|im_start|>system\\n' + message.content + '<|im_end|>\\n' -}}{%- endif -%}
{%- elif message.role == 'assistant' -%}
{{- '<|im_start|>assistant\\n' -}}
{%- if message.content -%}{{- message.content -}}{%- endif -%}
{%- if message.tool_calls -%}
{%- for call in message.tool_calls -%}
{%- set made = call.function if call.function is defined else call -%}
{{- '<tool_call>\\n{"name": "' + made.name + '", "arguments": ' -}}
{%- if made.arguments is string -%}{{- made.arguments -}}{%- else -%}{{- made.arguments | tojson -}}{%- endif -%}
{{- '}\\n</tool_call>' -}}
{%- endfor -%}
{%- endif -%}
{{- '<|im_end|>\\n' -}}
{%- else -%}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}`

/** A dialogue as text, cut into what the model is given (`learned` false) and what it has to say. */
export function* turns({ tools, messages }: Dialogue): Generator<{ text: string; learned: boolean }> {
  const [first] = messages
  const system = first?.role === 'system' ? `\n${first.content}` : ''
  const shown = tools.map((tool) => `\n${lineOf(tool)}`).join('')
  if (system || shown)
    yield {
      text: `<|im_start|>system${system}${shown && `\n<tools>${shown}\n</tools>`}<|im_end|>\n`,
      learned: false,
    }
  for (const { role, content } of system ? messages.slice(1) : messages) {
    yield { text: `<|im_start|>${role}\n`, learned: false }
    yield { text: `${content}<|im_end|>`, learned: role === 'assistant' }
    yield { text: '\n', learned: false }
  }
}

function lineOf({ name, description, parameters }: Tool): string {
  return `${name}(${parameters.join(', ')})${description && ` ${description}`}`
}

/** A call of a tool as the model says it. */
export function callOf(name: string, values: Record<string, string | number>): string {
  return `<tool_call>\n{"name": "${name}", "arguments": ${spaced(values)}}\n</tool_call>`
}

/** JSON with a space after each comma and colon, as most of it is written. */
export function spaced(values: Record<string, string | number>): string {
  const pairs = Object.entries(values).map(
    ([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`,
  )
  return `{${pairs.join(', ')}}`
}
