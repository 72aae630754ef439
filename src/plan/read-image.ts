import type { Reading } from './fields.ts';
import { readTemplate, renderText, showRendered } from './fields.ts';
import type { Entry, Node } from './node.ts';
import { child } from './node.ts';
import { refuse } from './option-fields.ts';
import type { Service } from './plan.ts';
import { quoted } from './problems.ts';
import { problemAt } from './text-file.ts';

const OWNER = /^(?:self|amazon|aws-marketplace|\d{12})$/;
const EC2_TEXT = /^(?:[ae]mi-\w+|ssm:\S+)$/;
const EC2_HINT = 'Write an image id such as ami-0abc…, ssm: and the path of a parameter, or { owner, name }.';

/** Reads `image` for a provider of this type; undefined: inputs that are not known yet decide the type. */
export function readImage(
  reading: Reading,
  entry: Entry | undefined,
  type: string | undefined,
): Service['image'] {
  const node = entry?.value;
  if (node?.kind === 'map') {
    const query = readQuery(reading, node);
    if (type === 'local' && query !== null)
      reading.problems.push(
        problemAt(
          entry?.keyPlace ?? node.place,
          'Cannot use "image": a local machine starts from a directory, not from a map',
        ),
      );
    return query;
  }
  const image = readTemplate(reading, node);
  const text = type === 'ec2' ? renderText(reading, node) : undefined;
  if (node !== undefined && text !== undefined && !EC2_TEXT.test(text.trim())) {
    const message = `Cannot use "image": ${quoted(showRendered(reading, node, text))} is not an image of EC2`;
    reading.problems.push(problemAt(node.place, message, EC2_HINT));
  }
  return image;
}

function readQuery(reading: Reading, node: Node): Service['image'] {
  const written = child(node, 'owner');
  const owner = readTemplate(reading, written);
  const name = readTemplate(reading, child(node, 'name'));
  const text = renderText(reading, written);
  if (written !== undefined && text !== undefined && !OWNER.test(text))
    refuse(reading, written, text, 'self, amazon, aws-marketplace or the 12 digits of an account');
  return owner === null || name === null ? null : { owner, name };
}
