const NAME = /^[a-z](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$/;

/** True for a name of a deployment, level or input. */
export function isName(text: string): boolean {
  return text.length <= 40 && NAME.test(text);
}
