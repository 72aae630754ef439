import type { Reading } from './fields.ts';
import { readTemplate } from './fields.ts';
import type { Node } from './node.ts';
import { quoted } from './problems.ts';
import { referencesOf } from './template.ts';
import { problemAt } from './text-file.ts';

/** Refuses a secret that is not made of sensitive inputs alone. The line is not shown: the secret may stand in it. */
export function checkSecret(reading: Reading, key: string, node: Node | undefined): void {
  const template = readTemplate(reading, node);
  if (node === undefined || template === null) return;
  const refuse = (why: string, hint: string): void =>
    void reading.problems.push({
      ...problemAt(node.place, `Cannot use ${quoted(key)}: ${why}`, hint),
      source: '',
    });
  const inputs = [...referencesOf(template).inputs];
  if (inputs.length === 0)
    refuse(
      'a secret does not belong in a plan',
      `Declare an input with "sensitive: true", and write ${key}: "{{inputs.…}}".`,
    );
  for (const input of inputs)
    if (reading.declared.get(input)?.sensitive === false)
      refuse(
        `input ${quoted(input)} is not sensitive`,
        `Declare input ${quoted(input)} with "sensitive: true".`,
      );
}
