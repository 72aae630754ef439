/** What is wrong with what a plan says, and what to do about it. */
export interface OptionProblem {
  readonly kind: 'problem';
  readonly message: string;
  readonly hint: string;
}

export function problem(message: string, hint: string): OptionProblem {
  return { kind: 'problem', message, hint };
}
