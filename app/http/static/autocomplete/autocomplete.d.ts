/** Types of autocomplete.js. */

export interface Choice {
  /** What follows the caret. */
  text: string;
  /** Probability that its first word is right, where the service says it. */
  confidence?: number;
}

export interface Options {
  /** Address of the service; default: where the module was loaded from. */
  url?: string;
  /** An API key, sent as `Authorization: Bearer`. Whoever can read the page can read it. */
  key?: string;
  /** Fields of `POST /complete`: `max_tokens`, `min_confidence`, `alternatives`, `until`, `phrases`, … */
  request?: Record<string, unknown>;
  /** Most characters of the text before the caret that are sent; default 4096. */
  tail?: number;
  /** As for `fetch`; default "omit". */
  credentials?: RequestCredentials;
  /** What a screen reader is told; `{text}` is replaced. */
  labels?: { suggestion?: string; accepted?: string };
}

export interface Suggestion {
  /** What follows the caret; empty where nothing is suggested. */
  readonly text: string;
  /** The suggestion and its alternatives. */
  readonly choices: readonly Choice[];
}

export class AutocompleteError extends Error {
  /** The service's error code, or `unreachable`, or `unexpected_answer`. */
  readonly code: string;
  /** Seconds until the service is asked again; null where it is not. */
  readonly retryAfter: number | null;
}

/** Suggestions without a field, for editors: at most one request in flight, answers remembered by what was typed. */
export class Suggestions {
  constructor(options?: Options, onerror?: (error: AutocompleteError) => void);
  /** Requests sent. */
  requests: number;
  configure(options: Options): void;
  /** What is known or what the service says; null where a newer call ended this one, or where there was an error. */
  suggest(before: string, after?: string): Promise<Suggestion | null>;
  /** What is known without a request; null where the service must be asked. */
  known(before: string, after?: string): Suggestion | null;
  ask(before: string, after?: string): Promise<Suggestion | null>;
  /** Show nothing for this text. */
  silence(before: string, after?: string): void;
  /** Ask again where this text comes again. */
  forget(before: string, after?: string): void;
  /** The next alternative becomes the suggestion; -1: the one before. */
  turn(suggestion: Suggestion, steps?: number): void;
  /** End the request in flight. */
  cancel(): void;
}

export interface Counters {
  /** Changes of the text by the person. */
  keys: number;
  requests: number;
  /** Suggestions shown. */
  shown: number;
  /** Suggestions, or words of them, accepted. */
  accepted: number;
  /** Of the accepted, those that still stand in the field. */
  kept: number;
}

export interface Attachment {
  /** What is suggested now; empty where nothing is. */
  readonly text: string;
  readonly counters: Counters;
  accept(part?: string): boolean;
  acceptWord(): boolean;
  /** Show the next alternative; -1: the one before. */
  turn(steps?: number): boolean;
  /** Hide the suggestion, and show none for this text. */
  dismiss(): boolean;
  /** Ask for this text again. */
  ask(): void;
  configure(options: Options): void;
  detach(): void;
}

/** Complete what is typed into an element. Throws TypeError for what is no text field, or holds a secret. */
export function attach(element: HTMLElement, options?: Options): Attachment;

/** `<autocomplete-text>`: completes the field inside of it, or a textarea that it makes. */
export class AutocompleteText extends HTMLElement {
  readonly field: HTMLElement;
  readonly attachment: Attachment | null;
  value: string;
}

declare global {
  interface HTMLElementTagNameMap {
    "autocomplete-text": AutocompleteText;
  }
  interface HTMLElementEventMap {
    "autocomplete-ask": CustomEvent<object>;
    "autocomplete-answer": CustomEvent<Record<string, unknown>>;
    "autocomplete-show": CustomEvent<{ text: string; choices: Choice[] }>;
    "autocomplete-hide": CustomEvent<object>;
    "autocomplete-accept": CustomEvent<{ text: string }>;
    "autocomplete-dismiss": CustomEvent<object>;
    "autocomplete-error": CustomEvent<AutocompleteError>;
  }
}
