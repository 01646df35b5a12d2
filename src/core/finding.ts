/** What `doctor` found out about one thing, and what to do about it: data, so that people and programs get the same. */
export interface Finding {
  readonly area: 'evaluator' | 'machine';
  /** A `problem` keeps the experiment from working; a `warning` makes its results worth less. */
  readonly level: 'ok' | 'note' | 'warning' | 'problem';
  /** One sentence with numbers. */
  readonly text: string;
  readonly cure?: string;
}
