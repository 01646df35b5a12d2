/**
 * What an agent CLI said it did, read from its event stream. An API failure can arrive inside a success envelope, with
 * exit code 0, and a good result before a bad exit code: the events decide. Unknown events are skipped.
 */
export type Answer =
  | { readonly kind: 'ok'; readonly text: string }
  | { readonly kind: 'failed'; readonly reason: string }
  /** The stream has no event that ends it. */
  | { readonly kind: 'unfinished' };

type AgentEvent = Readonly<Record<string, unknown>>;

export interface AnswerReader {
  push(event: AgentEvent): void;
  answer(): Answer;
}

/** Enough for the description, which stands at the end. */
const TEXT_CHARS = 256 * 1024;

/**
 * `claude -p`: lines of `stream-json`, or the one object or array of `json`. A `result` is good only with subtype
 * success, without `is_error`, and without an error on the last assistant message.
 */
export class ClaudeReader implements AnswerReader {
  #result: AgentEvent | null = null;
  #text = '';
  #messageError = '';

  push(event: AgentEvent): void {
    if (event['type'] === 'result') this.#result = event;
    if (event['type'] !== 'assistant') return;
    this.#messageError = textOf(event['error']);
    const content = objectOf(event['message'])['content'];
    for (const part of Array.isArray(content) ? content : []) this.#text = textOf(objectOf(part)['text']) || this.#text;
  }

  answer(): Answer {
    const result = this.#result;
    if (result === null) return this.#messageError === '' ? UNFINISHED : failed(this.#messageError, this.#text);
    const [subtype, said, stop] = [result['subtype'], result['result'], result['stop_reason']].map(textOf);
    if (subtype !== 'success' || result['is_error'] === true || this.#messageError !== '') {
      const errors = Array.isArray(result['errors']) ? result['errors'].map(messageOf).join('; ') : '';
      return failed(subtype === 'success' ? this.#messageError : subtype, said || errors);
    }
    if (stop === 'refusal' || stop === 'max_tokens') return failed(stop, said);
    return { kind: 'ok', text: said || this.#text };
  }
}

/** `codex exec --json`. An `error` that a completed turn follows was only a reconnection. */
export class CodexReader implements AnswerReader {
  #text = '';
  #end: 'none' | 'completed' | 'failed' = 'none';
  #problem = '';

  push(event: AgentEvent): void {
    const item = objectOf(event['item']);
    switch (event['type']) {
      case 'item.completed':
        if (item['type'] === 'agent_message') this.#text = textOf(item['text']);
        break;
      case 'turn.completed':
        this.#end = 'completed';
        break;
      case 'turn.failed':
      case 'error':
        this.#end = 'failed';
        this.#problem = messageOf(event['error']) || textOf(event['message']) || this.#problem;
    }
  }

  answer(): Answer {
    if (this.#end === 'none') return UNFINISHED;
    if (this.#end === 'failed') return failed('', this.#problem);
    if (this.#text === '') return failed('', 'the turn ended without a message; the plan may be used up');
    return { kind: 'ok', text: this.#text };
  }
}

/** `gemini`: lines of `stream-json`, or the one object of `json`, also where it stands on stderr. */
export class GeminiReader implements AnswerReader {
  #text = '';
  #end: 'none' | 'success' | 'failed' = 'none';
  #problem = '';

  push(event: AgentEvent): void {
    switch (event['type']) {
      case 'message':
        if (event['role'] === 'assistant') this.#add(textOf(event['content']));
        return;
      case 'tool_use':
        this.#add('\n');
        return;
      case 'error':
        this.#problem = messageOf(event['error']) || textOf(event['message']) || this.#problem;
        return;
      case 'result':
        this.#finish(event, event['status'] === 'success');
        return;
      case undefined:
        if (event['error'] || typeof event['response'] === 'string') this.#finish(event, true);
        this.#add(textOf(event['response']));
    }
  }

  answer(): Answer {
    if (this.#end === 'success') return { kind: 'ok', text: this.#text };
    return this.#end === 'none' && this.#problem === '' ? UNFINISHED : failed('', this.#problem);
  }

  #finish(event: AgentEvent, isSuccess: boolean): void {
    const problem = messageOf(event['error']);
    this.#end = isSuccess && !event['error'] ? 'success' : 'failed';
    if (this.#end === 'failed') this.#problem = problem || this.#problem;
  }

  #add(text: string): void {
    this.#text = `${this.#text}${text}`.slice(-TEXT_CHARS);
  }
}

const UNFINISHED: Answer = { kind: 'unfinished' };

function failed(kind: string | undefined, text: string | undefined): Answer {
  return { kind: 'failed', reason: [kind, text].filter(Boolean).join(': ') || 'no reason given' };
}

/** The objects of one line: an event, or an array of them. Log noise between the events is no event. */
export function eventsOf(line: string): readonly AgentEvent[] {
  if (!/^\s*[[{]/.test(line)) return [];
  try {
    const value: unknown = JSON.parse(line);
    return (Array.isArray(value) ? value : [value]).filter(isObject);
  } catch {
    return []; // a line that only looks like JSON, or one that was cut
  }
}

/** The last object of a text that spans lines: how errors that end the program are printed. */
export function lastObjectOf(text: string): AgentEvent | null {
  const end = text.lastIndexOf('}') + 1;
  for (
    let start = text.lastIndexOf('{', end);
    start >= 0;
    start = start === 0 ? -1 : text.lastIndexOf('{', start - 1)
  ) {
    if (start > 0 && text[start - 1] !== '\n') continue;
    const [event] = eventsOf(text.slice(start, end));
    if (event) return event;
  }
  return null;
}

function isObject(value: unknown): value is AgentEvent {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function objectOf(value: unknown): AgentEvent {
  return isObject(value) ? value : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Errors are texts in one version and objects in the next. */
function messageOf(value: unknown): string {
  const error = objectOf(value);
  return textOf(value) || textOf(error['message']) || textOf(error['type']);
}
