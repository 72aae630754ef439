/** A text of several lines, those after the first one indented by so many spaces. */
export function hang(text: string, indent: number): string {
  return text.replaceAll('\n', `\n${' '.repeat(indent)}`);
}
